//! A chart: for each work a bar for each proxy, as long as its ratio to nginx.

use std::fmt::Write as _;

use super::{Report, Series};
use crate::peer::Peer;
use crate::work::Work;

/// Where bars begin.
const LEFT: f64 = 190.0;
/// Of nginx, the ratio of 1.
const UNIT: f64 = 170.0;
/// Bars end here at the latest; the number beside them is right all the same.
const MOST: f64 = 3.0;
const WIDTH: f64 = LEFT + UNIT * MOST + 90.0;
const BAR: f64 = 11.0;
const GAP: f64 = 14.0;
const TOP: f64 = 64.0;

/// Colours that can be told from each other, and from either background, by those who see fewer of them too (Okabe and Ito).
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { fill: #57606a }
  .small { font-size: 10px }
  line { stroke: #57606a; stroke-dasharray: 3 3 }
  .target { stroke: #cf222e; stroke-dasharray: none; stroke-width: 2 }
  .haproxy { fill: #0072b2 } .envoy { fill: #cc79a7 } .caddy { fill: #56b4e9 } .varnish { fill: #e69f00 }
  .sozu { fill: #d55e00 }
  .tidegate { fill: #009e73 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } line { stroke: #9198a1 }
    .target { stroke: #ff7b72 } .haproxy { fill: #4a9fd8 }
  }
";

impl Report {
    /// As SVG, readable on a light and on a dark page.
    pub(crate) fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = TOP;
        for work in self.works() {
            y = self.group(&mut body, work, y) + GAP;
        }
        let one = LEFT + UNIT;
        let height = y + 8.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\" aria-label=\"What each work costs, as a ratio to nginx\">\n<style>{STYLE}</style>\n\
             <text class=\"title\" x=\"12\" y=\"22\">What a request costs, as a ratio to nginx; shorter is better</text>\n\
             {legend}{body}<line x1=\"{one}\" y1=\"{line}\" x2=\"{one}\" y2=\"{y}\"/>\n\
             <text class=\"quiet small\" x=\"{one}\" y=\"{label}\" text-anchor=\"middle\">nginx</text>\n</svg>\n",
            legend = self.legend(),
            line = TOP - 6.0,
            label = TOP - 10.0,
        )
    }

    fn drawn(&self) -> Vec<Peer> {
        let drawn = |peer: &Peer| *peer != Peer::Nginx && self.series.iter().any(|series| series.peer == *peer);
        Peer::ALL.into_iter().filter(drawn).collect()
    }

    fn legend(&self) -> String {
        let mut text = String::new();
        let mut x = 12.0;
        for peer in self.drawn() {
            let name = peer.name();
            let _ = writeln!(text, "<rect class=\"{name}\" x=\"{x}\" y=\"34\" width=\"10\" height=\"10\"/>");
            let _ = writeln!(text, "<text x=\"{}\" y=\"43\">{name}</text>", x + 14.0);
            x += 80.0;
        }
        let _ = writeln!(text, "<line class=\"target\" x1=\"{}\" y1=\"34\" x2=\"{}\" y2=\"44\"/>", x + 5.0, x + 5.0);
        let _ = writeln!(text, "<text x=\"{}\" y=\"43\">target</text>", x + 14.0);
        text
    }

    /// The bars of one work; says where they end.
    fn group(&self, text: &mut String, work: &Work, top: f64) -> f64 {
        let mut y = top;
        for peer in self.drawn() {
            let Some(series) = self.of(work.name, peer).filter(|series| series.measured()) else { continue };
            let Some(ratio) = self.ratio(series) else { continue };
            bar(text, series, ratio, y);
            y += BAR + 1.0;
        }
        let bottom = y.max(top + BAR);
        let middle = f64::midpoint(top, bottom);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>\n\
             <text class=\"quiet small\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            work.name,
            LEFT - 10.0,
            middle + 11.0,
            work.figure.name(),
        );
        if let Some(target) = work.target {
            let x = LEFT + UNIT * target;
            let _ = writeln!(text, "<line class=\"target\" x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>");
        }
        bottom
    }
}

fn bar(text: &mut String, series: &Series, ratio: f64, y: f64) {
    let name = series.peer.name();
    let length = UNIT * ratio.min(MOST);
    let further = if ratio > MOST { " >" } else { "" };
    let failed = if series.failed() > 0 { ", with failures" } else { "" };
    let _ = writeln!(
        text,
        "<rect class=\"{name}\" x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\"><title>{name}: {ratio:.2}</title></rect>\n\
         <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{ratio:.2}{further}{failed}</text>",
        LEFT + length + 4.0,
        y + 9.0,
    );
}
