//! The columns of a table that a statement creates: Redshift's types, and what else it says of them.

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    CharacterLength, ColumnDef, ColumnOption, DataType as SqlType, Expr, Ident, IdentityProperty,
    IdentityPropertyFormatKind, IdentityPropertyKind, ObjectName,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use datafusion_ml_redshift::super_field;

use crate::catalog::{ColumnEntry, Identity};
use crate::error::invalid;
use crate::hints::unknown_type;
use crate::relations::folded;
use crate::resolve::asks_model;
use crate::session::MlSession;
use crate::sql::{MlParser, Statement, expression_function_names};

/// Redshift's length of CHAR and VARCHAR without one.
const DEFAULT_CHAR_BYTES: u64 = 1;
const DEFAULT_VARCHAR_BYTES: u64 = 256;

/// Columns as Arrow has them, and what Arrow does not say of them.
pub(in crate::execute) struct Columns {
    pub(in crate::execute) schema: Schema,
    pub(in crate::execute) entries: Vec<ColumnEntry>,
}

impl Columns {
    /// Columns of which nothing but the Arrow fields is known.
    pub(in crate::execute) fn of_schema(fields: impl IntoIterator<Item = Field>) -> Self {
        let fields: Vec<Field> = fields.into_iter().collect();
        let entries = fields.iter().map(|field| ColumnEntry {
            name: field.name().clone(),
            data_type: field.data_type().to_string(),
            ..ColumnEntry::default()
        });
        Self { entries: entries.collect(), schema: Schema::new(fields) }
    }

    /// The columns that a statement describes.
    pub(in crate::execute) async fn of_statement(session: &MlSession, columns: &[ColumnDef]) -> Result<Self> {
        let planned = planned_types(session, columns).await?;
        let (mut fields, mut entries) = (Vec::new(), Vec::new());
        for (column, planned) in columns.iter().zip(planned) {
            let (field, entry) = of_definition(session, column, planned)?;
            fields.push(field);
            entries.push(entry);
        }
        Ok(Self { schema: Schema::new(fields), entries })
    }

    /// The same columns, numbered from the start.
    pub(in crate::execute) fn numbered_from_the_start(mut self) -> Self {
        let identities = self.entries.iter_mut().filter_map(|column| column.identity.as_mut());
        identities.for_each(|identity| identity.next = identity.seed);
        self
    }

    /// Fails if two columns have the same name.
    pub(in crate::execute) fn check_names(&self) -> Result<()> {
        let mut seen = std::collections::BTreeSet::new();
        match self.entries.iter().find(|column| !seen.insert(column.name.as_str())) {
            Some(column) => Err(invalid(format!("two columns are named {}; rename one (AS other_name)", column.name))),
            None => Ok(()),
        }
    }
}

/// The Arrow types as a cast to them would give, so that a column is what `CAST(... AS type)` is.
async fn planned_types(session: &MlSession, columns: &[ColumnDef]) -> Result<Vec<DataType>> {
    let casts = columns.iter().enumerate().map(|(position, column)| {
        let data_type = if is_super(&column.data_type) || max_bytes(&column.data_type).is_some() {
            "VARCHAR".to_owned()
        } else {
            column.data_type.to_string()
        };
        format!("CAST(NULL AS {data_type}) AS c{position}")
    });
    let text = format!("SELECT {}", casts.collect::<Vec<_>>().join(", "));
    let statement = MlParser::parse_sql(&text, session.dialect()?.as_ref())?.pop_front();
    let plan: LogicalPlan = match statement {
        Some(Statement::DataFusion(statement)) => {
            let planned = MlSession::plan_in(session.context().state(), *statement).await;
            planned.map_err(|error| {
                let place = |word: &str| {
                    let is_of =
                        |column: &&ColumnDef| custom_ident(&column.data_type).is_some_and(|ident| ident.value == word);
                    columns
                        .iter()
                        .find(is_of)
                        .and_then(|column| custom_ident(&column.data_type))
                        .map_or(Span::empty(), |ident| ident.span)
                };
                match error.find_root() {
                    DataFusionError::NotImplemented(text) => unknown_type(text, place).unwrap_or(error),
                    _ => error,
                }
            })?
        }
        _ => return Err(invalid("a type of a column cannot be read")),
    };
    Ok(plan.schema().fields().iter().map(|field| field.data_type().clone()).collect())
}

fn of_definition(session: &MlSession, column: &ColumnDef, planned: DataType) -> Result<(Field, ColumnEntry)> {
    let name = folded(&column.name);
    let mut field = match is_super(&column.data_type) {
        true => super_field(&name).as_ref().clone(),
        false => Field::new(&name, planned, true),
    };
    let mut entry = ColumnEntry { name, data_type: column.data_type.to_string(), ..ColumnEntry::default() };
    entry.max_bytes = max_bytes(&column.data_type).filter(|bytes| *bytes < u64::MAX);
    for option in &column.options {
        match &option.option {
            ColumnOption::NotNull => field = field.with_nullable(false),
            ColumnOption::Null => field = field.with_nullable(true),
            ColumnOption::Default(default) => {
                if let Some(function) = asks_model(session, expression_function_names(default))? {
                    return Err(invalid(format!(
                        "DEFAULT of column {} cannot call {function}, which asks a model; INSERT INTO ... SELECT {function}(...)",
                        entry.name
                    )));
                }
                session.expression(&default.to_string())?;
                entry.default = Some(default.to_string());
            }
            ColumnOption::Identity(kind) => {
                if !field.data_type().is_integer() {
                    return Err(invalid(format!(
                        "column {} is numbered (IDENTITY), so it must be INT or BIGINT",
                        entry.name
                    )));
                }
                entry.identity = Some(identity(kind)?);
                field = field.with_nullable(false);
            }
            other => return Err(invalid(format!("{other} of column {} is not supported; leave it out", entry.name))),
        }
    }
    Ok((field, entry))
}

/// The longest value in bytes of a type of text; `u64::MAX` where there is no limit.
fn max_bytes(data_type: &SqlType) -> Option<u64> {
    let of = |length: &Option<CharacterLength>, default| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => *length,
        Some(CharacterLength::Max) => u64::MAX,
        None => default,
    };
    Some(match data_type {
        SqlType::Char(length) | SqlType::Character(length) => of(length, DEFAULT_CHAR_BYTES),
        SqlType::Varchar(length)
        | SqlType::CharacterVarying(length)
        | SqlType::CharVarying(length)
        | SqlType::Nvarchar(length) => of(length, u64::MAX),
        SqlType::Text | SqlType::String(_) => u64::MAX,
        SqlType::Custom(name, arguments) => match custom(name).as_str() {
            "bpchar" | "nchar" => arguments.first().and_then(|n| n.parse().ok()).unwrap_or(DEFAULT_VARCHAR_BYTES),
            _ => return None,
        },
        _ => return None,
    })
}

fn is_super(data_type: &SqlType) -> bool {
    matches!(data_type, SqlType::Custom(name, _) if custom(name) == "super")
}

/// The name of a type that the parser does not know.
fn custom_ident(data_type: &SqlType) -> Option<&Ident> {
    match data_type {
        SqlType::Custom(name, _) => name.0.last().and_then(|part| part.as_ident()),
        _ => None,
    }
}

fn custom(name: &ObjectName) -> String {
    name.to_string().to_lowercase()
}

fn identity(kind: &IdentityPropertyKind) -> Result<Identity> {
    let (property, by_default) = match kind {
        IdentityPropertyKind::Identity(property) => (property, false),
        IdentityPropertyKind::Autoincrement(property) => (property, true),
    };
    let IdentityProperty { parameters: Some(IdentityPropertyFormatKind::FunctionCall(numbers)), .. } = property else {
        return Err(invalid("IDENTITY needs a seed and a step; write IDENTITY(1, 1)"));
    };
    let number = |expr: &Expr| expr.to_string().parse::<i64>().map_err(|e| invalid(format!("{expr} in IDENTITY: {e}")));
    match (number(&numbers.seed)?, number(&numbers.increment)?) {
        (_, 0) => Err(invalid("IDENTITY with a step of 0 would number all rows alike; write IDENTITY(1, 1)")),
        (seed, step) => Ok(Identity { seed, next: seed, step, by_default }),
    }
}
