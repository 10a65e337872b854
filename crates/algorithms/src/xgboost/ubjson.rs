//! UBJSON (draft 12) as far as XGBoost writes it, to and from JSON values.

use datafusion_ml_core::{Error, Result};
use serde_json::{Map, Number, Value};

/// Nesting beyond which a document is damaged; XGBoost's go to eight.
const DEEPEST: usize = 64;

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader { bytes };
    let marker = reader.marker()?;
    reader.value(marker, 0)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| damaged("it ends too early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| damaged("it ends too early"))
    }

    /// The next marker that says something.
    fn marker(&mut self) -> Result<u8> {
        loop {
            match self.take(1)?[0] {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    /// Whether the next byte is `marker`, which is then read.
    fn accept(&mut self, marker: u8) -> bool {
        match self.bytes.split_first() {
            Some((first, rest)) if *first == marker => {
                self.bytes = rest;
                true
            }
            _ => false,
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(damaged(&format!("byte {marker} stands where a number should"))),
        })
    }

    fn length(&mut self) -> Result<usize> {
        let marker = self.marker()?;
        usize::try_from(self.integer(marker)?).map_err(|_| damaged("a length is negative"))
    }

    fn text(&mut self) -> Result<String> {
        let length = self.length()?;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| damaged("a text is not UTF-8"))
    }

    fn value(&mut self, marker: u8, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err(damaged("it is nested too deeply"));
        }
        Ok(match marker {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'd' => float(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => float(f64::from_be_bytes(self.array()?)),
            b'S' => Value::String(self.text()?),
            b'[' => Value::Array(self.list(depth)?),
            b'{' => Value::Object(self.object(depth)?),
            marker => Value::Number(self.integer(marker)?.into()),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        let kind = if self.accept(b'$') { Some(self.take(1)?[0]) } else { None };
        if self.accept(b'#') {
            for _ in 0..self.length()? {
                // Every element takes at least a byte, so that a false length ends with the bytes.
                if self.bytes.is_empty() {
                    return Err(damaged("it ends too early"));
                }
                let marker = match kind {
                    Some(b'Z' | b'T' | b'F' | b'N') => return Err(damaged("a list has elements without content")),
                    Some(kind) => kind,
                    None => self.marker()?,
                };
                values.push(self.value(marker, depth + 1)?);
            }
        } else {
            while !self.accept(b']') {
                let marker = self.marker()?;
                values.push(self.value(marker, depth + 1)?);
            }
        }
        Ok(values)
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>> {
        let mut object = Map::new();
        while !self.accept(b'}') {
            let name = self.text()?;
            let marker = self.marker()?;
            object.insert(name, self.value(marker, depth + 1)?);
        }
        Ok(object)
    }
}

/// A number; JSON has none for NaN and infinity.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn damaged(what: &str) -> Error {
    Error::storage(format!("this is not an XGBoost model in UBJSON: {what}"))
}

/// Writes a document. Lists of the names that XGBoost reads as typed are written as typed.
pub(super) fn write(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_value(document, &mut bytes);
    bytes
}

/// The type of the elements of a list of that name, if XGBoost insists on one.
fn element_type(name: &str) -> Option<u8> {
    match name {
        "base_weights" | "loss_changes" | "split_conditions" | "sum_hessian" => Some(b'd'),
        "left_children" | "right_children" | "parents" | "split_indices" => Some(b'l'),
        "categories" | "categories_nodes" | "feature_segments" | "sorted_idx" => Some(b'l'),
        "categories_segments" | "categories_sizes" => Some(b'L'),
        "default_left" | "split_type" => Some(b'U'),
        _ => None,
    }
}

fn write_length(length: usize, bytes: &mut Vec<u8>) {
    bytes.push(b'L');
    bytes.extend((length as i64).to_be_bytes());
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_length(text.len(), bytes);
    bytes.extend(text.as_bytes());
}

fn write_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(b'Z'),
        Value::Bool(true) => bytes.push(b'T'),
        Value::Bool(false) => bytes.push(b'F'),
        Value::Number(number) => {
            let kind = if number.is_i64() || number.is_u64() { b'L' } else { b'd' };
            bytes.push(kind);
            write_number(kind, value, bytes);
        }
        Value::String(text) => {
            bytes.push(b'S');
            write_text(text, bytes);
        }
        Value::Array(values) => {
            bytes.extend(b"[#");
            write_length(values.len(), bytes);
            values.iter().for_each(|value| write_value(value, bytes));
        }
        Value::Object(object) => {
            bytes.push(b'{');
            for (name, value) in object {
                write_text(name, bytes);
                match (element_type(name), value) {
                    (Some(kind), Value::Array(values)) => {
                        bytes.extend([b'[', b'$', kind, b'#']);
                        write_length(values.len(), bytes);
                        values.iter().for_each(|value| write_number(kind, value, bytes));
                    }
                    _ => write_value(value, bytes),
                }
            }
            bytes.push(b'}');
        }
    }
}

fn write_number(kind: u8, value: &Value, bytes: &mut Vec<u8>) {
    let integer = value.as_i64().unwrap_or_default();
    match kind {
        b'd' => bytes.extend((value.as_f64().unwrap_or_default() as f32).to_be_bytes()),
        b'U' => bytes.push(integer as u8),
        b'l' => bytes.extend((integer as i32).to_be_bytes()),
        _ => bytes.extend(integer.to_be_bytes()),
    }
}
