//! CRC-32C (Castagnoli), as the checksum of version 2 wants it.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let mut value = octet as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[octet] = value;
        octet += 1;
    }
    table
}

/// Of the parts, one after the other.
pub(super) fn crc32c<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let octets = parts.into_iter().flatten();
    !octets.fold(!0, |crc, octet| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ octet)])
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_check_values_of_rfc_3720() {
        let ascending: Vec<u8> = (0..32).collect();
        let table: [(&[u8], u32); 5] = [
            (b"", 0),
            (b"123456789", 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
        ];
        for (octets, expected) in table {
            assert_eq!(crc32c([octets]), expected);
            let (a, b) = octets.split_at(octets.len() / 3);
            assert_eq!(crc32c([a, b]), expected);
        }
    }
}
