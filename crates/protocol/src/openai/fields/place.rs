//! Which field of a broken document a place lies in.

/// The outermost key whose value the place is in; empty if there is none. Lines and columns count
/// from 1, columns in bytes.
pub(super) fn field_at(body: &[u8], line: usize, column: usize) -> String {
    let before: usize = body
        .split(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(|line| line.len() + 1)
        .sum();
    let end = body.len().min(before + column);
    let mut scan = Scan::default();
    for (at, byte) in body[..end].iter().enumerate() {
        scan.step(at, *byte);
    }
    let key = scan.key.map(|(start, end)| &body[start..end]);
    key.map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default()
}

#[derive(Default)]
struct Scan {
    depth: usize,
    /// Where the string began that the scan is in.
    string: Option<usize>,
    is_escaped: bool,
    /// The last string of the outermost object.
    last: Option<(usize, usize)>,
    /// The last one that a colon followed and no comma yet.
    key: Option<(usize, usize)>,
}

impl Scan {
    fn step(&mut self, at: usize, byte: u8) {
        if let Some(start) = self.string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.string = None;
                    self.last = (self.depth == 1).then_some((start, at)).or(self.last);
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.string = Some(at + 1),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b':' if self.depth == 1 => self.key = self.last,
            b',' if self.depth == 1 => self.key = None,
            _ => {}
        }
    }
}
