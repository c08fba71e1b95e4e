//! The part of Python's pickle format that the files of CIFAR need: containers, numbers, text and
//! arrays of bytes, in protocols 2 to 4. Nothing is called or imported, whatever a file asks for.
//!
//! A pickle is a program for a machine with a stack. Values are kept in one list and refer to each
//! other by number, so that a value that is filled after it was remembered is one value.

use std::collections::HashMap;
use std::ops::Range;

/// The most values in a pickle: ten times as many as CIFAR has.
const MOST_VALUES: usize = 1 << 22;

/// What a pickle holds.
pub(super) struct Pickle<'a> {
    bytes: &'a [u8],
    values: Vec<Value>,
    root: usize,
}

/// A value; others are referred to by number.
enum Value {
    /// A number; `True` is 1.
    Int(i64),
    /// Text or bytes, by place in the file.
    Bytes(Range<usize>),
    List(Vec<usize>),
    /// Keys and values.
    Dict(Vec<(usize, usize)>),
    Tuple(Vec<usize>),
    /// A function or class, by its name without the module.
    Global(Range<usize>),
    /// What a function would return, with the state that it would be given.
    Called {
        function: usize,
        state: Option<usize>,
    },
    Other,
}

/// A value of a pickle.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pickle: &'a Pickle<'a>,
    number: usize,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle. The error says what is wrong with it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run()?;
        let values = machine.values;
        Ok(Self {
            bytes,
            values,
            root,
        })
    }

    /// The value as a whole.
    pub(super) fn root(&'a self) -> Item<'a> {
        Item {
            pickle: self,
            number: self.root,
        }
    }
}

impl<'a> Item<'a> {
    fn value(self) -> &'a Value {
        &self.pickle.values[self.number]
    }

    fn item(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// The value of a key of a dictionary.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let Value::Dict(entries) = self.value() else {
            return None;
        };
        let is_key = |number| self.item(number).bytes() == Some(key.as_bytes());
        let entry = entries.iter().find(|(name, _)| is_key(*name));
        entry.map(|&(_, value)| self.item(value))
    }

    /// The items of a list or tuple.
    pub(super) fn items(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        match self.value() {
            Value::List(items) | Value::Tuple(items) => {
                Some(items.iter().map(move |&number| self.item(number)))
            }
            _ => None,
        }
    }

    /// Text or bytes.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        self.range().map(|range| &self.pickle.bytes[range])
    }

    fn range(self) -> Option<Range<usize>> {
        match self.value() {
            Value::Bytes(range) => Some(range.clone()),
            _ => None,
        }
    }

    pub(super) fn int(self) -> Option<i64> {
        match self.value() {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The rows and the width of a two-dimensional NumPy array of bytes, and the place of its
    /// content in the file.
    pub(super) fn array(self) -> Option<([usize; 2], Range<usize>)> {
        let Value::Called {
            function,
            state: Some(state),
        } = *self.value()
        else {
            return None;
        };
        let Value::Global(name) = self.item(function).value() else {
            return None;
        };
        if &self.pickle.bytes[name.clone()] != b"_reconstruct" {
            return None;
        }
        // Version, shape, type, whether it is stored by columns, content.
        let state: Vec<Self> = self.item(state).items()?.collect();
        let [_, shape, _, by_columns, content] = state[..] else {
            return None;
        };
        if by_columns.int() != Some(0) {
            return None;
        }
        let shape = shape.items()?.map(|size| usize::try_from(size.int()?).ok());
        let shape: Vec<usize> = shape.collect::<Option<_>>()?;
        let (shape, content) = (shape.try_into().ok()?, content.range()?);
        let [rows, width]: [usize; 2] = shape;
        (rows.checked_mul(width) == Some(content.len())).then_some((shape, content))
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<usize>,
    /// The height of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

impl Machine<'_> {
    /// Runs the program to its end; the number of the value that it returns.
    fn run(&mut self) -> Result<usize, String> {
        while self.values.len() <= MOST_VALUES {
            match self.byte()? {
                b'.' => return self.pop(),
                // Protocol, and the length of what follows.
                0x80 => self.skip(1)?,
                0x95 => self.skip(8)?,
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Value::Other),
                0x88 => self.push(Value::Int(1)),
                0x89 => self.push(Value::Int(0)),
                b'K' => self.int::<1>()?,
                b'M' => self.int::<2>()?,
                b'J' => {
                    let number = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(number.into()));
                }
                b'U' | b'C' | 0x8c => self.text::<1>()?,
                b'T' | b'X' | b'B' => self.text::<4>()?,
                0x8e | 0x8d => self.text::<8>()?,
                b'}' => self.push(Value::Dict(Vec::new())),
                b']' => self.push(Value::List(Vec::new())),
                b')' => self.push(Value::Tuple(Vec::new())),
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Value::Tuple(items));
                }
                count @ 0x85..=0x87 => {
                    let first = self.stack.len().checked_sub(usize::from(count - 0x84));
                    let items = self.stack.split_off(first.ok_or_else(damaged)?);
                    self.push(Value::Tuple(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set(&items)?;
                }
                b'c' => {
                    self.line()?;
                    let name = self.line()?;
                    self.push(Value::Global(name));
                }
                0x93 => {
                    let name = self.pop_text()?;
                    self.pop()?;
                    self.push(Value::Global(name));
                }
                b'R' => {
                    self.pop()?;
                    let function = self.pop()?;
                    let state = None;
                    self.push(Value::Called { function, state });
                }
                b'b' => {
                    let given = self.pop()?;
                    if let Value::Called { state, .. } = self.top()? {
                        *state = Some(given);
                    }
                }
                b'q' => {
                    let place = self.byte()?.into();
                    self.remember(place)?;
                }
                b'r' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.remember(place)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let place = self.byte()?.into();
                    self.recall(place)?;
                }
                b'j' => {
                    let place = u32::from_le_bytes(self.array()?);
                    self.recall(place)?;
                }
                other => {
                    return Err(format!(
                        "pickle instruction {other:#04x}, which is not read"
                    ));
                }
            }
        }
        Err(format!("the pickle has more than {MOST_VALUES} values"))
    }

    fn take(&mut self, n: usize) -> Result<Range<usize>, String> {
        let end = self
            .at
            .checked_add(n)
            .filter(|&end| end <= self.bytes.len());
        let range = self.at..end.ok_or_else(damaged)?;
        self.at = range.end;
        Ok(range)
    }

    fn skip(&mut self, n: usize) -> Result<(), String> {
        self.take(n).map(|_| ())
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1).map(|range| self.bytes[range.start])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let range = self.take(N)?;
        self.bytes[range].try_into().map_err(|_| damaged())
    }

    /// A number of `N` bytes.
    fn number<const N: usize>(&mut self) -> Result<u64, String> {
        let bytes = self.array::<N>()?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<Range<usize>, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or_else(damaged)?)?;
        self.take(1)?;
        Ok(line)
    }

    fn int<const N: usize>(&mut self) -> Result<(), String> {
        let number = self.number::<N>()?;
        self.push(Value::Int(number as i64));
        Ok(())
    }

    /// Text or bytes after their length of `N` bytes.
    fn text<const N: usize>(&mut self) -> Result<(), String> {
        let length = usize::try_from(self.number::<N>()?).map_err(|_| damaged())?;
        let range = self.take(length)?;
        self.push(Value::Bytes(range));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<usize, String> {
        self.stack.pop().ok_or_else(damaged)
    }

    fn pop_text(&mut self) -> Result<Range<usize>, String> {
        let number = self.pop()?;
        match &self.values[number] {
            Value::Bytes(range) => Ok(range.clone()),
            _ => Err(damaged()),
        }
    }

    fn top(&mut self) -> Result<&mut Value, String> {
        let number = *self.stack.last().ok_or_else(damaged)?;
        Ok(&mut self.values[number])
    }

    fn since_mark(&mut self) -> Result<Vec<usize>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(damaged)?))
    }

    fn append(&mut self, items: Vec<usize>) -> Result<(), String> {
        match self.top()? {
            Value::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(damaged()),
        }
    }

    fn set(&mut self, items: &[usize]) -> Result<(), String> {
        match self.top()? {
            Value::Dict(entries) => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => Err(damaged()),
        }
    }

    fn remember(&mut self, place: u32) -> Result<(), String> {
        let number = *self.stack.last().ok_or_else(damaged)?;
        self.memo.insert(place, number);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        let number = self.memo.get(&place).ok_or_else(damaged)?;
        self.stack.push(*number);
        Ok(())
    }
}

fn damaged() -> String {
    "the pickle is damaged or truncated".to_owned()
}
