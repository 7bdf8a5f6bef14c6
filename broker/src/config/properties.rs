//! Java's `.properties` format, as `java.util.Properties.load` reads it.
//!
//! One difference: a file that is valid UTF-8 is read as UTF-8, where Java takes every byte for a Latin-1 character.

/// A key, its value, and the line (from 1) on which it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// A `\u` without four hexadecimal digits is the only thing that Java refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u must be followed by four hexadecimal digits")]
pub(super) struct MalformedEscape {
    pub(super) line: usize,
}

/// The properties in the order of the file; a key that is there twice counts as it is the second time.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Property>, MalformedEscape> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let mut properties = Vec::new();
    for (line, logical) in logical_lines(&text) {
        let (key, value) = split(&logical);
        let malformed = || MalformedEscape { line };
        properties.push(Property {
            key: unescape(key).ok_or_else(malformed)?,
            value: unescape(value).ok_or_else(malformed)?,
            line,
        });
    }
    Ok(properties)
}

/// A value as it would be read from a file, where it was given by other means.
pub(super) fn unescape_value(text: &str) -> Option<String> {
    unescape(text.trim_start_matches(is_blank))
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\x0c')
}

/// Lines without comments and blanks, with continued lines joined, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut joined: Option<(usize, String)> = None;
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for (index, natural) in unified.split('\n').enumerate() {
        let content = natural.trim_start_matches(is_blank);
        let (start, mut logical) = match joined.take().filter(|(_, logical)| !logical.is_empty()) {
            Some(begun) => begun,
            // Only a line that begins something can be a comment or be skipped.
            None if content.is_empty() || content.starts_with(['#', '!']) => continue,
            None => (index + 1, String::new()),
        };
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            logical.push_str(&content[..content.len() - 1]);
            joined = Some((start, logical));
        } else {
            logical.push_str(content);
            lines.push((start, logical));
        }
    }
    // The last line ended with a backslash and nothing follows: Java keeps what is there.
    lines.extend(joined.filter(|(_, logical)| !logical.is_empty()));
    lines
}

/// Splits at the first `=`, `:` or blank that no backslash precedes; blanks around it do not count.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|character: char| {
        let ends = !escaped && (is_blank(character) || matches!(character, '=' | ':'));
        escaped = !escaped && character == '\\';
        ends
    });
    let Some(end) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    // Java's characters are UTF-16: two escapes may make one character.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let unescaped = match character {
            '\\' => match characters.next() {
                Some('u') => {
                    units.push(hex_unit(&mut characters)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(unescaped.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

fn hex_unit(characters: &mut std::str::Chars<'_>) -> Option<u16> {
    (0..4).try_fold(0u16, |unit, _| {
        let digit = characters.next()?.to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).expect("parses").into_iter().map(|property| (property.key, property.value)).collect()
    }

    /// Each answer is what `java.util.Properties` of Java 17 made of the same text.
    #[test]
    fn every_form_is_read_as_java_reads_it() {
        for (text, key, value) in [
            ("a=b", "a", "b"),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("  a \t=  b c ", "a", "b c "),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("a==b", "a", "=b"),
            ("a = : b", "a", ": b"),
            ("a : = b", "a", "= b"),
            ("a\\=b=c", "a=b", "c"),
            ("a\\ b c", "a b", "c"),
            ("a\\:b:c", "a:b", "c"),
            ("a=\\u0041\\tb\\n\\q\\\\", "a", "A\tb\nq\\"),
            ("a=\\ud83d\\ude00", "a", "😀"),
            ("a=b\\\n   c", "a", "bc"),
            ("a=b\\\n#c", "a", "b#c"),
            ("a=b\\\r\n\tc", "a", "bc"),
            ("a=b\\\\\n", "a", "b\\"),
            ("a=b\\\\\\\nc", "a", "b\\c"),
            ("a=b\\", "a", "b"),
            ("\\\n#x\na=b", "a", "b"),
            ("a=b\\\n\n#c", "a", "b"),
            ("a=\\\n\\\nb", "a", "b"),
            ("a\\\n=b", "a", "b"),
            ("a=b#c", "a", "b#c"),
            ("a=\\ b", "a", " b"),
            ("\x0ca=\x0cb", "a", "b"),
            ("listeners=PLAINTEXT://:9092,C://:9093", "listeners", "PLAINTEXT://:9092,C://:9093"),
            ("ü=ö", "ü", "ö"),
        ] {
            assert_eq!(pairs(text), [(key.to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        assert_eq!(
            pairs("# a=1\n ! b=2\n\n \t\n#c\\\nd=4\r e=5"),
            [("d".to_owned(), "4".to_owned()), ("e".to_owned(), "5".to_owned())]
        );
    }

    #[test]
    fn a_property_knows_the_line_it_starts_on() {
        let lines: Vec<_> = parse(b"# x\na=1,\\\n 2\n\nb=3").expect("parses").iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 5]);
    }

    #[test]
    fn a_malformed_unicode_escape_is_refused_with_its_line() {
        for text in ["x=1\na=\\u12", "x=1\na=\\u12g4", "x=1\na\\u=1"] {
            assert_eq!(parse(text.as_bytes()), Err(MalformedEscape { line: 2 }), "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_latin_1() {
        assert_eq!(parse(b"a=\xfc").expect("parses")[0].value, "ü");
    }
}
