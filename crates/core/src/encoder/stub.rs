//! Stands in for column understanding.
#![allow(missing_docs)]
use arrow::array::ArrayRef;
use arrow::datatypes::Field;

use super::{Encoder, EncoderBuilder, Encoding};
use crate::{Features, Preprocessors, Result, Task};

#[derive(Debug, Clone)]
pub struct ColumnProfile {
    pub name: String,
    pub note: String,
}
#[derive(Debug)]
pub struct TableProfiler(Vec<ColumnProfile>);
impl TableProfiler {
    pub fn new(fields: &[&Field]) -> Result<Self> {
        Ok(Self(fields.iter().map(|f| ColumnProfile { name: f.name().clone(), note: "number".into() }).collect()))
    }
    pub fn observe(&mut self, _: &[ArrayRef]) -> Result<()> {
        Ok(())
    }
    pub fn finish(self) -> Vec<ColumnProfile> {
        self.0
    }
}
#[derive(Debug)]
pub struct AutoEncoderBuilder(EncoderBuilder);
#[derive(Debug)]
pub struct FoldEncoder(Encoder);
impl AutoEncoderBuilder {
    pub fn new(
        fields: &[&Field],
        encoding: Encoding,
        p: &Preprocessors,
        _: &[ColumnProfile],
        _: Task,
        _: usize,
    ) -> Result<Self> {
        EncoderBuilder::new(fields, encoding, p).map(Self)
    }
    pub fn observe(&mut self, columns: &[ArrayRef], _: &[f64], _: &[u8]) -> Result<()> {
        self.0.observe(columns)
    }
    pub fn finish(self) -> FoldEncoder {
        FoldEncoder(self.0.finish())
    }
}
impl FoldEncoder {
    pub fn encode(&self, n: usize, columns: &[ArrayRef], _: &[u8], _: Option<u8>) -> Result<Features> {
        self.0.encode(n, columns)
    }
    pub fn depends_on_target(&self) -> bool {
        false
    }
    pub fn encoder(&self) -> Encoder {
        self.0.clone()
    }
}
impl Encoder {
    pub fn concat(mut encoders: Vec<Encoder>) -> Result<Encoder> {
        Ok(encoders.remove(0))
    }
}
