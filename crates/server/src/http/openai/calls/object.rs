//! One call, `{"name": ..., "arguments": {...}}`, read character by character.

/// Longest beginning that is looked at before the function's name must be there.
const RAW_LEN_MAX: usize = 64 << 10;

/// Reads one call.
#[derive(Debug, Default)]
pub(super) struct ObjectReader {
    /// All that was read, until the call has begun.
    raw: String,
    stage: Stage,
    key: String,
    /// The value that is being read.
    value: String,
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    /// Arguments that have not been taken.
    arguments: String,
    has_arguments: bool,
    has_begun: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// A key is next, or the end.
    BeforeKey,
    Key,
    Colon,
    BeforeValue,
    Value,
}

/// What one character brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The function's name is complete.
    Name(String),
    /// The object is complete.
    End,
    /// It is no call.
    Fault,
}

impl ObjectReader {
    /// The name was right: the call begins.
    pub(super) fn begin(&mut self) {
        self.has_begun = true;
        self.raw = String::new();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What was read if it turns out to be no call.
    pub(super) fn take_raw(&mut self) -> String {
        std::mem::take(&mut self.raw)
    }

    /// Arguments that have become known.
    pub(super) fn take_arguments(&mut self) -> String {
        std::mem::take(&mut self.arguments)
    }

    pub(super) fn step(&mut self, character: char) -> Found {
        if !self.has_begun {
            self.raw.push(character);
            if self.raw.len() > RAW_LEN_MAX {
                return Found::Fault;
            }
        }
        match self.stage {
            Stage::Value => self.value(character),
            Stage::Key => self.key(character),
            _ if character.is_whitespace() => Found::Nothing,
            Stage::Open if character == '{' => self.enter(Stage::BeforeKey),
            Stage::BeforeKey if character == '}' => self.end(),
            Stage::BeforeKey if character == ',' => Found::Nothing,
            Stage::BeforeKey if character == '"' => {
                self.key.clear();
                self.enter(Stage::Key)
            }
            Stage::Colon if character == ':' => self.enter(Stage::BeforeValue),
            Stage::BeforeValue => {
                self.value.clear();
                self.depth = 0;
                self.is_string = false;
                self.stage = Stage::Value;
                self.value(character)
            }
            Stage::Open | Stage::BeforeKey | Stage::Colon => Found::Fault,
        }
    }

    fn enter(&mut self, stage: Stage) -> Found {
        self.stage = stage;
        Found::Nothing
    }

    /// No key that matters has anything escaped in it.
    fn key(&mut self, character: char) -> Found {
        match character {
            '"' => return self.enter(Stage::Colon),
            _ => self.key.push(character),
        }
        Found::Nothing
    }

    fn is_arguments(&self) -> bool {
        self.key == "arguments" || self.key == "parameters"
    }

    fn value(&mut self, character: char) -> Found {
        if self.is_string {
            self.put(character);
            match character {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                '"' => {
                    self.is_string = false;
                    return self.ended_if_outermost();
                }
                _ => {}
            }
            return Found::Nothing;
        }
        match character {
            // A number or a word ends with what follows it.
            ',' | '}' if self.depth == 0 => {
                let found = self.value_ended();
                return if character == '}' && found == Found::Nothing {
                    self.end()
                } else {
                    found
                };
            }
            '"' => self.is_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.put(character);
        match character {
            '}' | ']' => self.ended_if_outermost(),
            _ => Found::Nothing,
        }
    }

    /// Arguments go straight on if they are an object; all else is gathered.
    fn put(&mut self, character: char) {
        let is_object = self.value.starts_with('{') || self.value.is_empty() && character == '{';
        if self.is_arguments() && is_object {
            self.arguments.push(character);
            self.has_arguments = true;
            if self.value.is_empty() {
                self.value.push(character);
            }
        } else {
            self.value.push(character);
        }
    }

    fn ended_if_outermost(&mut self) -> Found {
        if self.depth > 0 { Found::Nothing } else { self.value_ended() }
    }

    fn value_ended(&mut self) -> Found {
        self.stage = Stage::BeforeKey;
        let text = std::mem::take(&mut self.value);
        if self.key == "name" && !self.has_begun {
            return serde_json::from_str(&text).map_or(Found::Fault, Found::Name);
        }
        // Some models write their arguments as the text of JSON.
        if self.is_arguments() && text.starts_with('"') {
            let Ok(inner) = serde_json::from_str::<String>(&text) else { return Found::Fault };
            self.arguments.push_str(&inner);
            self.has_arguments = true;
        }
        Found::Nothing
    }

    fn end(&mut self) -> Found {
        if !self.has_begun {
            return Found::Fault;
        }
        if !self.has_arguments {
            self.arguments.push_str("{}");
        }
        Found::End
    }
}
