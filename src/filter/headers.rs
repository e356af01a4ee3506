//! Header rules: remove, then set, then add.

use http::HeaderName;
use http::header::HOST;

use super::{FilterError, Template, Values};
use crate::config::model::{self, HeaderRules};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Headers, Text, hop};

/// Compiled header rules of one direction.
#[derive(Clone, Debug)]
pub struct FieldRules {
    remove: Box<[HeaderName]>,
    set: Box<[(HeaderName, Template)]>,
    add: Box<[(HeaderName, Template)]>,
    /// `set` of `Host`: in a request it is no field, but the authority.
    host: Option<Template>,
}

impl FieldRules {
    /// Compiles rules; `None` where there are none. The config refuses rules about framing and the connection (RFC 9110 §7.6.1);
    /// those that came here nevertheless are left out.
    pub fn compile(rules: &HeaderRules) -> Option<Self> {
        let HeaderRules { remove, set, add } = rules;
        let compiled = |fields: &[(HeaderName, model::Template)]| {
            let named = fields.iter().filter(|(name, _)| hop::may_be_ruled(name.as_str()) && name != HOST);
            named.map(|(name, template)| (name.clone(), Template::compile(template))).collect::<Box<[_]>>()
        };
        let host = set.iter().chain(add).find(|(name, _)| name == HOST);
        let rules = Self {
            remove: remove.iter().filter(|name| hop::may_be_ruled(name.as_str())).cloned().collect(),
            set: compiled(set),
            add: compiled(add),
            host: host.map(|(_, template)| Template::compile(template)),
        };
        let none = rules.remove.is_empty() && rules.set.is_empty() && rules.add.is_empty() && rules.host.is_none();
        (!none).then_some(rules)
    }

    pub(super) fn on_request(&self, request: &mut CleanRequest, values: &Values<'_>) -> Result<(), FilterError> {
        self.apply(request.headers_mut(), values)?;
        let Some(host) = &self.host else { return Ok(()) };
        let mut authority = Vec::new();
        host.render(values, &mut authority);
        let set = Text::visible(authority.into()).is_some_and(|authority| request.set_authority(authority));
        if set { Ok(()) } else { Err(FilterError::Authority) }
    }

    pub(super) fn on_response(&self, response: &mut CleanResponse, values: &Values<'_>) -> Result<(), FilterError> {
        self.apply(response.headers_mut(), values)
    }

    fn apply(&self, headers: &mut Headers, values: &Values<'_>) -> Result<(), FilterError> {
        if !self.remove.is_empty() {
            headers.retain(|name, _| !self.remove.contains(name));
        }
        // No allocation where every value is fixed.
        let mut room = Vec::new();
        for (name, template) in &self.set {
            headers.set(name.clone(), template.value(values, &mut room)?);
        }
        for (name, template) in &self.add {
            headers.append(name.clone(), template.value(values, &mut room)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::filters::tests::{lines, request};
    use super::super::template::tests::VALUES;
    use super::*;

    /// `-name`, `name=template` (set) and `+name=template` (add), with spaces between.
    fn rules(text: &str) -> Option<FieldRules> {
        let mut rules = HeaderRules::default();
        for word in text.split_whitespace() {
            let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).expect("a name");
            let field = |word: &str| {
                let (before, template) = word.split_once('=').expect("name=template");
                (name(before), model::Template::parse(template).expect("a template"))
            };
            match word.split_at(1) {
                ("-", gone) => rules.remove.push(name(gone)),
                ("+", added) => rules.add.push(field(added)),
                _ => rules.set.push(field(word)),
            }
        }
        FieldRules::compile(&rules)
    }

    #[test]
    fn remove_then_set_then_add() {
        let cases = [
            ("-a", "a:1 b:2 A:3", "b:2"),
            ("a=x", "a:1 b:2 a:3", "a:x b:2"),
            ("a=x", "b:2", "b:2 a:x"),
            ("+a=x", "a:1", "a:1 a:x"),
            ("-a a=x +a=y", "b:2 a:1", "b:2 a:x a:y"),
            ("x-real-ip={client_ip} +x-uri={uri}", "x-real-ip:6.6.6.6", "x-real-ip:127.0.0.1 x-uri:/a%20b?q=1&r"),
        ];
        for (text, before, after) in cases {
            let mut request = request("/", before);
            rules(text).expect("rules").on_request(&mut request, &VALUES).expect("applies");
            assert_eq!(lines(request.headers()), after, "{text} to {before}");
        }
    }

    #[test]
    fn no_rules_are_nothing_at_all() {
        assert!(rules("").is_none());
        assert!(rules("-connection transfer-encoding=chunked +content-length=7 upgrade=x").is_none());
    }

    #[test]
    fn host_is_the_authority() {
        let mut plain = request("/", "a:1");
        rules("host=Internal.{host}:81").expect("rules").on_request(&mut plain, &VALUES).expect("applies");
        assert_eq!(plain.authority().as_str(), "internal.example.com:81");
        assert_eq!(lines(plain.headers()), "a:1");
        let refused = rules("host={uri}").expect("rules").on_request(&mut plain, &VALUES);
        assert_eq!(refused, Err(FilterError::Authority));
    }

    #[test]
    fn a_value_that_is_none_is_a_fault() {
        let mut headers = Headers::new();
        let values = Values { target: "/\r\nset-cookie: x", ..VALUES };
        assert_eq!(rules("x={path}").expect("rules").apply(&mut headers, &values), Err(FilterError::FieldValue));
    }
}
