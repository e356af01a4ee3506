//! The subject of a certificate as text that fits in a header field (RFC 4514).

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName};

/// The subject, the last part of the name first (`CN=alice,O=Example,C=GB`), every octet of it visible ASCII or a space: what is
/// not is written `\XX`. `None` where the subject is empty or the certificate cannot be understood.
pub fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut parts: Vec<_> = certificate.subject().iter_rdn().map(part).collect();
    parts.reverse();
    let text = parts.join(",");
    (!text.is_empty()).then_some(text)
}

fn part(part: &RelativeDistinguishedName<'_>) -> String {
    let attributes: Vec<_> = part.iter().map(attribute).collect();
    attributes.join("+")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    match (short_name(attribute.attr_type()), attribute.as_str()) {
        (Some(name), Ok(value)) => format!("{name}={}", escape(value)),
        (Some(name), Err(_)) => format!("{name}={}", hex(attribute.attr_value())),
        // RFC 4514 §2.4: a type without a name has its value in hexadecimal.
        (None, _) => format!("{}={}", attribute.attr_type(), hex(attribute.attr_value())),
    }
}

/// RFC 4514 §3, and `emailAddress` as everybody else writes it.
fn short_name(oid: &Oid<'_>) -> Option<&'static str> {
    Some(match oid.to_id_string().as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "2.5.4.5" => "serialNumber",
        _ => return None,
    })
}

/// RFC 4514 §2.4. Beyond what it asks for, octets outside ASCII are escaped too.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'#' | b' ' if at == 0 => text.extend(['\\', char::from(byte)]),
            b' ' if at == last => text.push_str("\\ "),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => write_hex(&mut text, "\\", byte),
        }
    }
    text
}

/// `#` and the DER encoding.
fn hex(value: &Any<'_>) -> String {
    let mut text = String::from("#");
    let tag = u8::try_from(value.tag().0).unwrap_or(0);
    let constructed = u8::from(value.header.is_constructed()) << 5;
    write_hex(&mut text, "", tag | constructed);
    let length = value.data.len();
    if length < 0x80 {
        write_hex(&mut text, "", length as u8);
    } else {
        let octets: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
        write_hex(&mut text, "", 0x80 | octets.len() as u8);
        octets.iter().for_each(|octet| write_hex(&mut text, "", *octet));
    }
    value.data.iter().for_each(|octet| write_hex(&mut text, "", *octet));
    text
}

fn write_hex(text: &mut String, before: &str, byte: u8) {
    // Writing to a String does not fail.
    let _ = write!(text, "{before}{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_escaped_and_nothing_leaves_ascii() {
        let table = [
            ("alice", "alice"),
            ("a b", "a b"),
            (" a ", "\\ a\\ "),
            (" ", "\\ "),
            ("#a#", "\\#a#"),
            ("a,b+c;d<e>f\"g\\h", "a\\,b\\+c\\;d\\<e\\>f\\\"g\\\\h"),
            ("a\r\nX-Evil: 1", "a\\0D\\0AX-Evil: 1"),
            ("Zoë", "Zo\\C3\\AB"),
            ("\0", "\\00"),
            ("", ""),
        ];
        for (value, expected) in table {
            assert_eq!(escape(value), expected, "{value:?}");
        }
    }
}
