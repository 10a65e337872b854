//! `ANALYZE COMPRESSION`. What it answers in Redshift is how to ENCODE columns, which has no effect here; so it is `ANALYZE`.

use datafusion::error::Result;
use datafusion::sql::parser::Statement as DFStatement;
use datafusion::sql::sqlparser::ast::Analyze;

use super::MlParser;
use crate::sql::Statement;

impl MlParser<'_> {
    /// `ANALYZE COMPRESSION [table [(columns)]] [COMPROWS rows]`; `None`, and nothing consumed, if the next statement is another.
    pub(super) fn analyze_compression(&mut self) -> Result<Option<Statement>> {
        if !self.at_words(0, &["ANALYZE", "COMPRESSION"]) {
            return Ok(None);
        }
        self.skip(2);
        let mut columns = Vec::new();
        let is_named = !self.at_end() && !self.at_words(0, &["COMPROWS"]);
        let table_name = if is_named { Some(self.name("the name of a table")?) } else { None };
        if table_name.is_some() && self.take_symbol('(') {
            columns.push(self.ident("the name of a column")?);
            while self.take_symbol(',') {
                columns.push(self.ident("the name of a column")?);
            }
            self.expect_symbol(')')?;
        }
        if self.take_word("COMPROWS") {
            self.integer("COMPROWS", 1..=u64::MAX)?;
        }
        let analyze = Analyze {
            table_name,
            partitions: None,
            for_columns: false,
            columns,
            cache_metadata: false,
            noscan: false,
            compute_statistics: false,
            has_table_keyword: false,
        };
        Ok(Some(Statement::DataFusion(Box::new(DFStatement::Statement(Box::new(analyze.into()))))))
    }
}
