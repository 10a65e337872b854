//! `CREATE MODEL`: its clauses, in any order.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{DataType, Ident};

use super::{MlParser, unknown};
use crate::sql::ast::{Auto, CreateModel, Hyperparameters, ModelSource, ProblemType, SagemakerEndpoint};
use crate::sql::clause::{Clause, ClauseSpans};
use crate::sql::location::invalid_at;
use crate::sql::{objective, rules};

impl MlParser<'_> {
    /// The statement after the word MODEL.
    pub(super) fn create_model(&mut self, or_replace: bool) -> Result<CreateModel> {
        if self.at_words(0, &["IF", "NOT", "EXISTS"]) {
            let fact = "CREATE MODEL has no IF NOT EXISTS";
            return Err(invalid_at(self.span(), fact, "write CREATE OR REPLACE MODEL, or leave it out"));
        }
        let mut statement = CreateModel {
            or_replace,
            name: self.name("a model name")?,
            source: None,
            target: None,
            function: None,
            argument_types: None,
            returns: None,
            sagemaker: None,
            iam_role: None,
            auto: None,
            model_type: None,
            problem_type: None,
            objective: None,
            preprocessors: None,
            hyperparameters: None,
            settings: Default::default(),
            spans: ClauseSpans::default(),
        };
        while !self.at_end() {
            self.clause(&mut statement)?;
        }
        rules::check(&statement)?;
        Ok(statement)
    }

    fn clause(&mut self, statement: &mut CreateModel) -> Result<()> {
        let span = self.span();
        let Some(word) = self.word() else {
            return Err(self.expected("a clause of CREATE MODEL"));
        };
        if ["WHERE", "JOIN", "GROUP", "ORDER", "LIMIT"].iter().any(|of_query| of_query.eq_ignore_ascii_case(&word)) {
            let word = word.to_uppercase();
            let remedy = format!("write FROM (SELECT ... {word} ...)");
            return Err(invalid_at(span, format!("{word} is part of a query, which stands in brackets"), remedy));
        }
        let Some(clause) = Clause::ALL.into_iter().find(|clause| clause.name().eq_ignore_ascii_case(&word)) else {
            return Err(unknown("clause", &word, span, Clause::ALL.iter().map(|clause| clause.name())));
        };
        if !statement.spans.insert(clause, span) {
            return Err(invalid_at(span, format!("second {clause}"), "give it once"));
        }
        self.skip(1);
        match clause {
            Clause::From => statement.source = Some(self.model_source()?),
            Clause::Target => statement.target = Some(self.target()?),
            Clause::Function => {
                statement.function = Some(self.name("a function name")?);
                statement.argument_types = self.argument_types()?;
            }
            Clause::Returns => statement.returns = Some(self.data_type()?),
            Clause::Sagemaker => statement.sagemaker = Some(self.sagemaker_endpoint()?),
            Clause::IamRole => statement.iam_role = Some(self.iam_role()?),
            Clause::Auto => {
                let words = [("ON", Auto::On), ("OFF", Auto::Off)];
                statement.auto = Some(self.enclosed(|parser| parser.choice("value of AUTO", &words))?);
            }
            Clause::ModelType => statement.model_type = Some(self.model_type()?),
            Clause::ProblemType => {
                let words = ProblemType::ALL.map(|problem| (problem.name(), problem));
                statement.problem_type = Some(self.enclosed(|parser| parser.choice("problem type", &words))?);
            }
            Clause::Objective => {
                let name = self.enclosed(|parser| parser.string("a quoted objective such as 'F1'"))?;
                statement.objective = Some(objective::find(&name).map_or(name, |known| known.name.to_owned()));
            }
            Clause::Preprocessors => {
                statement.preprocessors = Some(self.enclosed(|parser| parser.string("'none' or quoted JSON"))?);
            }
            Clause::Hyperparameters => statement.hyperparameters = Some(self.hyperparameters()?),
            Clause::Settings => statement.settings = self.settings()?,
        }
        Ok(())
    }

    /// A table, a query in brackets, or a quoted job, which may be in brackets too.
    fn model_source(&mut self) -> Result<ModelSource> {
        if let Some(job) = self.peek_string(0) {
            self.skip(1);
            return Ok(ModelSource::Job(job));
        }
        if self.at_words(0, &["SELECT"]) || self.at_words(0, &["WITH"]) {
            return Err(invalid_at(
                self.span(),
                "a query of CREATE MODEL stands in brackets",
                "write FROM (SELECT ...)",
            ));
        }
        if !self.take_symbol('(') {
            return Ok(ModelSource::Table(self.name("a table, a query in brackets, or a quoted job")?));
        }
        let source = match self.peek_string(0) {
            Some(job) => {
                self.skip(1);
                ModelSource::Job(job)
            }
            None => ModelSource::Query(self.query()?),
        };
        self.expect_symbol(')')?;
        Ok(source)
    }

    /// A column. In single quotes it counts as if written without quotes where that is possible, else as if in double
    /// quotes.
    fn target(&mut self) -> Result<Ident> {
        let span = self.span();
        let Some(name) = self.peek_string(0) else {
            let column = self.ident("a column")?;
            if self.at_symbol('.') {
                let fact = format!("TARGET {}. has a table", column.value);
                return Err(invalid_at(span, fact, "give the column's name alone, as the query names it"));
            }
            if self.at_symbol(',') {
                let remedy = "make a model for each, or combine them in the query";
                return Err(invalid_at(self.span(), "a model has one target", remedy));
            }
            return Ok(column);
        };
        self.skip(1);
        let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let quote_style = (!is_plain).then_some('"');
        Ok(Ident { value: name, quote_style, span })
    }

    fn argument_types(&mut self) -> Result<Option<Vec<DataType>>> {
        if !self.take_symbol('(') {
            return Ok(None);
        }
        let mut types = vec![self.data_type()?];
        while self.take_symbol(',') {
            types.push(self.data_type()?);
        }
        self.expect_symbol(')')?;
        Ok(Some(types))
    }

    fn sagemaker_endpoint(&mut self) -> Result<SagemakerEndpoint> {
        let endpoint = self.string("a quoted endpoint")?;
        let model = match self.take_symbol(':') {
            true => Some(self.string("a quoted model of the endpoint")?),
            false => None,
        };
        Ok(SagemakerEndpoint { endpoint, model })
    }

    /// Any word without quotes, in lower case.
    pub(super) fn model_type(&mut self) -> Result<Ident> {
        self.enclosed(|parser| match parser.word() {
            Some(_) => {
                let ident = parser.ident("a model type")?;
                Ok(Ident { value: ident.value.to_ascii_lowercase(), ..ident })
            }
            None => Err(parser.expected("a model type such as XGBOOST")),
        })
    }

    fn hyperparameters(&mut self) -> Result<Hyperparameters> {
        if !self.take_word("DEFAULT") {
            return Err(self.expected("DEFAULT or DEFAULT EXCEPT (key 'value', ...) after HYPERPARAMETERS"));
        }
        if !self.take_word("EXCEPT") {
            return Ok(Hyperparameters::Default);
        }
        self.expect_symbol('(')?;
        let mut pairs: Vec<(Ident, String)> = Vec::new();
        loop {
            let key = self.ident("a hyperparameter")?;
            if pairs.iter().any(|(other, _)| other.value.eq_ignore_ascii_case(&key.value)) {
                return Err(invalid_at(key.span, format!("second hyperparameter {}", key.value), "give it once"));
            }
            let value = self.string(&format!("a quoted value of hyperparameter {key}, as in {key} '1'"))?;
            pairs.push((key, value));
            if !self.take_symbol(',') {
                break;
            }
        }
        self.expect_symbol(')')?;
        Ok(Hyperparameters::DefaultExcept(pairs))
    }
}
