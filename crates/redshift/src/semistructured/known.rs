//! What planning knows of a call's arguments, kept in the function itself.
//!
//! The rows do not always say so: where statistics tell that a column has one value in a file, DataFusion puts that value in
//! the column's place, computes what there is to compute of constants, and forgets what was said of both.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::marker::{is_super, super_field};

/// Of every argument of a call whether it is known to be SUPER.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Known(Vec<bool>);

impl Known {
    /// What the plan says of the arguments; `None` if that is nothing new.
    pub(super) fn learn(&self, args: &[Expr], info: &SimplifyContext) -> Option<Self> {
        if !self.0.is_empty() {
            return None;
        }
        let says_super = |arg: &Expr| arg.to_field(info.schema()).is_ok_and(|(_, field)| is_super(&field));
        let known: Vec<bool> = args.iter().map(says_super).collect();
        known.contains(&true).then_some(Self(known))
    }

    /// Whether the argument is known to be SUPER.
    pub(super) fn is_super(&self, argument: usize) -> bool {
        self.0.get(argument).is_some_and(|is_super| *is_super)
    }

    /// The arguments' fields with what they say, and what is known.
    pub(super) fn fields<'a>(&self, fields: &'a [FieldRef]) -> Cow<'a, [FieldRef]> {
        let is_forgotten = |(argument, field): (usize, &FieldRef)| self.is_super(argument) && !is_super(field);
        if !fields.iter().enumerate().any(is_forgotten) {
            return Cow::Borrowed(fields);
        }
        let marked = fields.iter().enumerate().map(|(argument, field)| match is_forgotten((argument, field)) {
            true => {
                let data_type = field.data_type().clone();
                Arc::new(super_field(field.name()).as_ref().clone().with_data_type(data_type))
            }
            false => Arc::clone(field),
        });
        Cow::Owned(marked.collect())
    }
}
