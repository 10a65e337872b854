//! `CREATE EXTERNAL MODEL`: its clauses, in any order.

use datafusion::error::Result;

use super::{MlParser, unknown};
use crate::sql::ast::CreateExternalModel;
use crate::sql::location::invalid_at;
use crate::sql::settings::{ExternalSettings, RequestType, ResponseType};

const CLAUSES: [&str; 4] = ["FUNCTION", "IAM_ROLE", "MODEL_TYPE", "SETTINGS"];
const KEYS: [&str; 5] = ["MODEL_ID", "PROMPT", "SUFFIX", "REQUEST_TYPE", "RESPONSE_TYPE"];

impl MlParser<'_> {
    /// The statement after the words EXTERNAL MODEL.
    pub(super) fn create_external_model(&mut self, or_replace: bool) -> Result<CreateExternalModel> {
        let name_span = self.span();
        let name = self.name("a model name")?;
        let (mut function, mut iam_role, mut model_type, mut settings) = (None, None, None, None);
        while !self.at_end() {
            let span = self.span();
            let Some(word) = self.word() else {
                return Err(self.expected("a clause of CREATE EXTERNAL MODEL"));
            };
            let Some(clause) = CLAUSES.into_iter().find(|clause| clause.eq_ignore_ascii_case(&word)) else {
                return Err(unknown("clause", &word, span, CLAUSES.into_iter()));
            };
            self.skip(1);
            let is_second = match clause {
                "FUNCTION" => function.replace(self.name("a function name")?).is_some(),
                "IAM_ROLE" => iam_role.replace(self.iam_role()?).is_some(),
                "MODEL_TYPE" => model_type.replace(self.model_type()?).is_some(),
                _ => settings.replace(self.external_settings()?).is_some(),
            };
            if is_second {
                return Err(invalid_at(span, format!("second {clause}"), "give it once"));
            }
        }
        let missing = |clause: &str, example: &str| {
            invalid_at(name_span, format!("external model {name} has no {clause}"), format!("add {example}"))
        };
        Ok(CreateExternalModel {
            or_replace,
            function: function.ok_or_else(|| missing("FUNCTION", "FUNCTION function_name"))?,
            iam_role,
            model_type: model_type.ok_or_else(|| missing("MODEL_TYPE", "MODEL_TYPE BEDROCK"))?,
            settings: settings.ok_or_else(|| missing("SETTINGS", "SETTINGS (MODEL_ID 'model_id')"))?,
            name,
        })
    }

    fn external_settings(&mut self) -> Result<ExternalSettings> {
        let span = self.span();
        let (mut model_id, mut prompt, mut suffix) = (None, None, None);
        let (mut request_type, mut response_type) = (None, None);
        self.setting_list(&KEYS, |parser, key| {
            let text = |parser: &mut Self| parser.string(&format!("a quoted value of {key}")).map(Some);
            match key {
                "MODEL_ID" => model_id = text(parser)?,
                "PROMPT" => prompt = text(parser)?,
                "SUFFIX" => suffix = text(parser)?,
                "REQUEST_TYPE" => {
                    let words = [("RAW", RequestType::Raw), ("UNIFIED", RequestType::Unified)];
                    request_type = Some(parser.choice("request type", &words)?);
                }
                _ => {
                    let words = [("VARCHAR", ResponseType::Varchar), ("SUPER", ResponseType::Super)];
                    response_type = Some(parser.choice("response type", &words)?);
                }
            }
            Ok(())
        })?;
        let Some(model_id) = model_id else {
            return Err(invalid_at(span, "SETTINGS has no MODEL_ID", "add MODEL_ID 'model_id'"));
        };
        if request_type == Some(RequestType::Raw) {
            if response_type != Some(ResponseType::Super) {
                let fact = "REQUEST_TYPE RAW without RESPONSE_TYPE SUPER";
                return Err(invalid_at(span, fact, "add RESPONSE_TYPE SUPER"));
            }
            if prompt.is_some() || suffix.is_some() {
                let fact = "PROMPT or SUFFIX with REQUEST_TYPE RAW";
                return Err(invalid_at(span, fact, "write the text into the request, or use REQUEST_TYPE UNIFIED"));
            }
        }
        Ok(ExternalSettings { model_id, prompt, suffix, request_type, response_type })
    }
}
