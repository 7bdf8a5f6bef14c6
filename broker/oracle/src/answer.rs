//! An answer as a tree of fields, read from the text that `{:#?}` makes of it.

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// Fields of a message, or lines of a script's own making, by name.
    Fields(Vec<(String, Node)>),
    Items(Vec<Node>),
    Value(String),
}

impl Node {
    /// The tree of what `{:#?}` printed; text that it did not print is one value.
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader { rest: text };
        let node = reader.value();
        if reader.rest.trim().is_empty() { node } else { Self::Value(text.to_owned()) }
    }

    /// How it is told to people: short.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Fields(fields) => {
                let fields = fields.iter().map(|(name, node)| format!("{name}: {}", node.describe()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            Self::Items(items) => format!("[{}]", items.iter().map(Self::describe).collect::<Vec<_>>().join(", ")),
            Self::Value(value) => value.clone(),
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn value(&mut self) -> Node {
        self.skip_blank();
        if self.rest.starts_with('[') {
            return Node::Items(self.items(']'));
        }
        if self.rest.starts_with('"') || self.rest.starts_with("b\"") {
            return Node::Value(self.quoted());
        }
        let word = self.word();
        self.skip_blank();
        if self.rest.starts_with('{') {
            return Node::Fields(self.fields());
        }
        if self.rest.starts_with('(') {
            // `Some(…)` and the crate's names of strings and numbers say no more than what they hold.
            return match self.items(')').pop() {
                Some(inner) => inner,
                None => Node::Value(word),
            };
        }
        Node::Value(word)
    }

    fn items(&mut self, close: char) -> Vec<Node> {
        self.skip(1);
        let mut items = Vec::new();
        while !self.closes(close) {
            let before = self.rest.len();
            items.push(self.value());
            if self.rest.len() == before {
                break;
            }
        }
        items
    }

    fn fields(&mut self) -> Vec<(String, Node)> {
        self.skip(1);
        let mut fields = Vec::new();
        while !self.closes('}') {
            let before = self.rest.len();
            let name = self.word();
            self.skip_blank();
            if self.rest.starts_with(':') {
                self.skip(1);
            }
            let node = self.value();
            if name != "unknown_tagged_fields" {
                fields.push((name, node));
            }
            if self.rest.len() == before {
                break;
            }
        }
        fields
    }

    /// Whether the list ends here; passes over the comma before what follows.
    fn closes(&mut self, close: char) -> bool {
        self.skip_blank();
        if self.rest.starts_with(',') {
            self.skip(1);
            self.skip_blank();
        }
        let ends = self.rest.is_empty() || self.rest.starts_with(close);
        if ends {
            self.skip(1);
        }
        ends
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| c.is_whitespace() || ",:()[]{}".contains(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// With its quotes; the escapes stay as they are.
    fn quoted(&mut self) -> String {
        let mut escaped = false;
        let mut inside = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' if inside => return self.take(at + 1),
                '"' => inside = true,
                _ => {}
            }
        }
        self.take(self.rest.len())
    }

    fn take(&mut self, length: usize) -> String {
        let taken = self.rest[..length].to_owned();
        self.rest = &self.rest[length..];
        taken
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn skip_blank(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "printed")]
    struct Message {
        error_code: i16,
        name: Option<&'static str>,
        ids: Vec<Option<i32>>,
        bytes: bytes::Bytes,
        unknown_tagged_fields: std::collections::BTreeMap<i32, i32>,
    }

    #[test]
    fn what_debug_prints_is_read_as_fields() {
        let message = Message {
            error_code: -1,
            name: Some("a \"b\", {c}"),
            ids: vec![Some(1), None],
            bytes: bytes::Bytes::from_static(b"\0]\""),
            unknown_tagged_fields: [(1, 2)].into(),
        };
        let value = |text: &str| Node::Value(text.into());
        let fields = vec![
            ("error_code".into(), value("-1")),
            ("name".into(), value(r#""a \"b\", {c}""#)),
            ("ids".into(), Node::Items(vec![value("1"), value("None")])),
            ("bytes".into(), value(r#"b"\0]\"""#)),
        ];
        assert_eq!(Node::read(&format!("{message:#?}")), Node::Fields(fields));
    }

    #[test]
    fn other_text_is_one_value() {
        assert_eq!(Node::read("connection closed"), Node::Value("connection closed".into()));
    }
}
