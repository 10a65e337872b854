//! `CREATE USER`, `GRANT` and their kin.

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use datafusion::sql::sqlparser::tokenizer::{Span, Token};

use super::MlParser;
use crate::catalog::{Privilege, Purpose};
use crate::sql::access::{
    AccessStatement, Grant, GrantObject, GranteeName, IdentityKind, IfExists, MemberChange, Password, UserOptions,
};
use crate::sql::location::invalid_at;

const KINDS: [(&str, IdentityKind); 3] =
    [("USER", IdentityKind::User), ("GROUP", IdentityKind::Group), ("ROLE", IdentityKind::Role)];

impl MlParser<'_> {
    /// A statement about who may do what; `None`, and nothing consumed, if the next statement is another.
    pub(super) fn access(&mut self) -> Result<Option<AccessStatement>> {
        self.refuse_hidden_users()?;
        let kind = KINDS.into_iter().find(|(word, _)| self.at_words(1, &[word])).map(|(_, kind)| kind);
        if self.at_words(0, &["SET", "SESSION", "AUTHORIZATION"])
            || self.at_words(0, &["RESET", "SESSION", "AUTHORIZATION"])
        {
            let is_reset = self.at_words(0, &["RESET"]);
            self.skip(3);
            return self.authorization(is_reset).map(Some);
        }
        if self.at_words(0, &["GRANT"]) {
            self.skip(1);
            return Ok(Some(AccessStatement::Grant(self.grant("TO")?)));
        }
        if self.at_words(0, &["REVOKE"]) {
            self.skip(1);
            return Ok(Some(AccessStatement::Revoke(self.grant("FROM")?)));
        }
        let Some(kind) = kind else { return Ok(None) };
        if self.at_words(0, &["CREATE"]) {
            self.skip(2);
            return self.create_identity(kind).map(Some);
        }
        if self.at_words(0, &["ALTER"]) && kind != IdentityKind::Role {
            self.skip(2);
            return self.alter_identity(kind).map(Some);
        }
        if self.at_words(0, &["DROP"]) {
            self.skip(2);
            let if_exists = if self.at_words(0, &["IF", "EXISTS"]) { IfExists::Yes } else { IfExists::No };
            self.skip(if if_exists == IfExists::Yes { 2 } else { 0 });
            return Ok(Some(AccessStatement::Drop(kind, if_exists, self.names(&format!("the name of a {kind}"))?)));
        }
        Ok(None)
    }

    /// Fails for a statement around CREATE USER or ALTER USER, and for the forms that they do not have: the error of a parser that
    /// does not know them would show the password.
    fn refuse_hidden_users(&self) -> Result<()> {
        /// Further on no statement begins.
        const PREFIX: usize = 32;
        let is_user = |nth: usize| ["CREATE", "ALTER"].iter().any(|verb| self.at_words(nth, &[verb, "USER"]));
        let around = ["EXPLAIN", "PREPARE", "DESCRIBE", "DESC"].into_iter().find(|word| self.at_words(0, &[word]));
        match around {
            Some(around) if (1..PREFIX).any(is_user) => Err(invalid_at(
                self.span(),
                format!("{around} is not for CREATE USER and ALTER USER"),
                "run the statement itself",
            )),
            None if self.at_words(0, &["CREATE", "OR", "REPLACE", "USER"]) => {
                Err(invalid_at(self.span(), "CREATE OR REPLACE is not for users", "write CREATE USER, or ALTER USER"))
            }
            _ => Ok(()),
        }
    }

    fn authorization(&mut self, is_reset: bool) -> Result<AccessStatement> {
        if is_reset || self.take_word("DEFAULT") {
            return Ok(AccessStatement::SetAuthorization(None));
        }
        let span = self.span();
        let name = match self.peek_string(0) {
            Some(name) => {
                self.skip(1);
                Ident::with_quote_and_span('"', span, name)
            }
            None => self.ident("the name of a user, or DEFAULT")?,
        };
        Ok(AccessStatement::SetAuthorization(Some(name)))
    }

    fn create_identity(&mut self, kind: IdentityKind) -> Result<AccessStatement> {
        let name = self.ident(&format!("the name of a {kind}"))?;
        Ok(match kind {
            IdentityKind::User => {
                self.take_word("WITH");
                AccessStatement::CreateUser(name, self.user_options()?)
            }
            IdentityKind::Group => {
                let with = self.take_word("WITH");
                let members =
                    if self.take_word("USER") || with { self.names("the name of a user")? } else { Vec::new() };
                AccessStatement::CreateGroup(name, members)
            }
            _ => AccessStatement::CreateRole(name),
        })
    }

    fn alter_identity(&mut self, kind: IdentityKind) -> Result<AccessStatement> {
        let name = self.ident(&format!("the name of a {kind}"))?;
        if kind == IdentityKind::User {
            self.take_word("WITH");
            if self.at_end() {
                return Err(self.expected("PASSWORD, CREATEUSER, NOCREATEUSER or VALID UNTIL"));
            }
            let span = self.span();
            let options = self.user_options()?;
            if !options.groups.is_empty() {
                let remedy = format!("ALTER GROUP {} ADD USER {name}", options.groups[0]);
                return Err(invalid_at(span, "IN GROUP is for CREATE USER", remedy));
            }
            return Ok(AccessStatement::AlterUser(name, options));
        }
        let changes = [("ADD", MemberChange::Add), ("DROP", MemberChange::Drop)];
        let change = self.choice("change of a group", &changes)?;
        self.expect_word("USER")?;
        Ok(AccessStatement::AlterGroup(name, change, self.names("the name of a user")?))
    }

    /// Errors do not show what stands where a password may.
    fn user_options(&mut self) -> Result<UserOptions> {
        let mut options = UserOptions::default();
        while !self.at_end() {
            let span = self.span();
            if self.take_word("PASSWORD") {
                options.password = Some(self.password(span)?);
            } else if self.take_word("CREATEUSER") {
                options.superuser = Some(true);
            } else if self.take_word("NOCREATEUSER") {
                options.superuser = Some(false);
            } else if self.at_words(0, &["IN", "GROUP"]) {
                self.skip(2);
                options.groups.extend(self.names("the name of a group")?);
            } else if let Some(ignored) = self.ignored_user_option()? {
                options.ignored.push(ignored);
            } else if self.at_words(0, &["VALID", "UNTIL"]) {
                self.skip(2);
                options.valid_until = Some(self.valid_until()?);
            } else {
                let known = "there are PASSWORD 'text', PASSWORD DISABLE, CREATEUSER, NOCREATEUSER, VALID UNTIL and IN GROUP name";
                return Err(invalid_at(span, "this is no option of a user", known));
            }
        }
        Ok(options)
    }

    fn password(&mut self, span: Span) -> Result<Password> {
        match self.peek_string(0) {
            Some(text) if text.is_empty() => {
                Err(invalid_at(span, "the password is empty", "write PASSWORD DISABLE for none"))
            }
            Some(text) if is_hash(&text) => Err(invalid_at(
                span,
                "the password is a hash, of which no SCRAM verifier can be made",
                "write the password",
            )),
            Some(text) => {
                self.skip(1);
                Ok(Password::Text(text))
            }
            None if self.take_word("DISABLE") => Ok(Password::Disable),
            None => Err(invalid_at(span, "PASSWORD takes a quoted text", "or DISABLE")),
        }
    }

    fn valid_until(&mut self) -> Result<Ident> {
        let span = self.span();
        let text = match self.take_word("INFINITY") {
            true => "infinity".to_owned(),
            false => self.string("a quoted timestamp, or infinity")?,
        };
        Ok(Ident::with_quote_and_span('\'', span, text))
    }

    /// Redshift's options for what there is not here: databases to create, a system log, servers with connections.
    fn ignored_user_option(&mut self) -> Result<Option<String>> {
        for word in ["CREATEDB", "NOCREATEDB"] {
            if self.take_word(word) {
                return Ok(Some(word.to_owned()));
            }
        }
        if self.at_words(0, &["SYSLOG", "ACCESS"]) {
            self.skip(2);
            let kinds = [("RESTRICTED", "RESTRICTED"), ("UNRESTRICTED", "UNRESTRICTED")];
            return Ok(Some(format!("SYSLOG ACCESS {}", self.choice("access", &kinds)?)));
        }
        if self.at_words(0, &["CONNECTION", "LIMIT"]) {
            self.skip(2);
            return Ok(Some(match self.take_word("UNLIMITED") {
                true => "CONNECTION LIMIT UNLIMITED".to_owned(),
                false => format!("CONNECTION LIMIT {}", self.integer("CONNECTION LIMIT", 0..=u64::MAX)?),
            }));
        }
        if self.at_words(0, &["SESSION", "TIMEOUT"]) {
            self.skip(2);
            return Ok(Some(format!("SESSION TIMEOUT {}", self.integer("SESSION TIMEOUT", 0..=u64::MAX)?)));
        }
        Ok(None)
    }

    /// What follows GRANT or REVOKE; `to` is the word before the grantees.
    fn grant(&mut self, to: &str) -> Result<Grant> {
        let option_only = to == "FROM" && self.at_words(0, &["GRANT", "OPTION", "FOR"]);
        self.skip(if option_only { 3 } else { 0 });
        let (mut privileges, object) = self.granted()?;
        self.expect_word(to)?;
        let mut grantees = vec![self.grantee()?];
        while self.take_symbol(',') {
            grantees.push(self.grantee()?);
        }
        if matches!(object, GrantObject::IamRoles(_)) {
            self.expect_word("FOR")?;
            privileges = self.purposes()?;
        }
        if to == "FROM" {
            self.take_word("RESTRICT");
        }
        Ok(Grant { privileges, object, grantees, option_only })
    }

    /// What is granted, on what.
    fn granted(&mut self) -> Result<(Vec<Privilege>, GrantObject)> {
        if self.take_word("ROLE") {
            let mut roles = vec![self.ident("the name of a role")?];
            while self.take_symbol(',') {
                self.take_word("ROLE");
                roles.push(self.ident("the name of a role")?);
            }
            return Ok((vec![Privilege::Member], GrantObject::Roles(roles)));
        }
        if self.take_word("ASSUMEROLE") {
            self.expect_word("ON")?;
            let mut names = vec![self.iam_role_name()?];
            while self.take_symbol(',') {
                names.push(self.iam_role_name()?);
            }
            // For what is said behind the grantees.
            return Ok((Vec::new(), GrantObject::IamRoles(names)));
        }
        let mut privileges = Vec::new();
        if self.take_word("ALL") {
            self.take_word("PRIVILEGES");
        } else {
            privileges.push(self.privilege()?);
            while self.take_symbol(',') {
                privileges.push(self.privilege()?);
            }
        }
        let object = match self.take_word("ON") {
            true => self.grant_object()?,
            false => GrantObject::Database,
        };
        Ok((privileges, object))
    }

    fn privilege(&mut self) -> Result<Privilege> {
        for (words, privilege) in
            [(["CREATE", "MODEL"], Privilege::CreateModel), (["DROP", "MODEL"], Privilege::DropModel)]
        {
            if self.at_words(0, &words) {
                self.skip(2);
                return Ok(privilege);
            }
        }
        let words = [
            ("EXECUTE", Privilege::Execute),
            ("USAGE", Privilege::Usage),
            ("CREATE", Privilege::Create),
            ("SELECT", Privilege::Select),
            ("INSERT", Privilege::Insert),
            ("UPDATE", Privilege::Update),
            ("DELETE", Privilege::Delete),
        ];
        self.choice("privilege", &words)
    }

    fn grant_object(&mut self) -> Result<GrantObject> {
        if self.at_words(0, &["ALL", "FUNCTIONS", "IN", "SCHEMA"]) {
            self.skip(4);
            return Ok(GrantObject::FunctionsIn(self.names("the name of a schema")?));
        }
        if self.at_words(0, &["ALL", "TABLES", "IN", "SCHEMA"]) {
            self.skip(4);
            return Ok(GrantObject::RelationsIn(self.names("the name of a schema")?));
        }
        if self.take_word("SCHEMA") {
            return Ok(GrantObject::Schemas(self.names("the name of a schema")?));
        }
        // A table may be called model.
        let is_word =
            matches!(self.token(1), Token::Word(_)) && !self.at_words(1, &["TO"]) && !self.at_words(1, &["FROM"]);
        if is_word && self.take_word("MODEL") {
            return Ok(GrantObject::Models(self.object_names("a model name")?));
        }
        if is_word && self.take_word("FUNCTION") {
            let mut names = vec![self.function_name()?];
            while self.take_symbol(',') {
                names.push(self.function_name()?);
            }
            return Ok(GrantObject::Functions(names));
        }
        let _ = is_word && self.take_word("TABLE");
        Ok(GrantObject::Relations(self.object_names("the name of a table or view")?))
    }

    /// A function's name, and its arguments, which say nothing.
    fn function_name(&mut self) -> Result<ObjectName> {
        let name = self.name("a function name")?;
        if self.take_symbol('(') {
            while !self.at_symbol(')') && !self.at_end() {
                self.skip(1);
            }
            self.expect_symbol(')')?;
        }
        Ok(name)
    }

    fn grantee(&mut self) -> Result<GranteeName> {
        let kind = match () {
            () if self.at_words(0, &["PUBLIC"]) => IdentityKind::Public,
            () if self.take_word("ROLE") => IdentityKind::Role,
            () if self.take_word("GROUP") => IdentityKind::Group,
            () => {
                self.take_word("USER");
                IdentityKind::User
            }
        };
        let name = self.ident("a user, ROLE name, GROUP name or PUBLIC")?;
        let span = self.span();
        let grant_option =
            self.at_words(0, &["WITH", "GRANT", "OPTION"]) || self.at_words(0, &["WITH", "ADMIN", "OPTION"]);
        self.skip(if grant_option { 3 } else { 0 });
        if grant_option && kind != IdentityKind::User {
            return Err(invalid_at(span, "WITH GRANT OPTION is for users only", "name the users"));
        }
        Ok(GranteeName { kind, name, grant_option })
    }

    fn iam_role_name(&mut self) -> Result<String> {
        match () {
            () if self.take_word("DEFAULT") => Ok("default".to_owned()),
            () if self.take_word("ALL") => Ok("all".to_owned()),
            () => self.string("a quoted ARN, default or ALL"),
        }
    }

    /// What an IAM role may be assumed for.
    fn purposes(&mut self) -> Result<Vec<Privilege>> {
        let words = [
            ("ALL", Privilege::AssumeRole),
            ("COPY", Privilege::AssumeRoleFor(Purpose::Copy)),
            ("UNLOAD", Privilege::AssumeRoleFor(Purpose::Unload)),
            ("EXTERNAL", Privilege::AssumeRoleFor(Purpose::ExternalFunction)),
            ("CREATE", Privilege::AssumeRoleFor(Purpose::CreateModel)),
        ];
        let mut purposes = Vec::new();
        loop {
            let purpose = self.choice("purpose", &words)?;
            match purpose {
                Privilege::AssumeRoleFor(Purpose::ExternalFunction) => self.expect_word("FUNCTION")?,
                Privilege::AssumeRoleFor(Purpose::CreateModel) => self.expect_word("MODEL")?,
                _ => {}
            }
            purposes.push(purpose);
            if !self.take_symbol(',') {
                return Ok(purposes);
            }
        }
    }

    fn names(&mut self, what: &str) -> Result<Vec<Ident>> {
        let mut names = vec![self.ident(what)?];
        while self.take_symbol(',') {
            names.push(self.ident(what)?);
        }
        Ok(names)
    }

    fn object_names(&mut self, what: &str) -> Result<Vec<ObjectName>> {
        let mut names = vec![self.name(what)?];
        while self.take_symbol(',') {
            names.push(self.name(what)?);
        }
        Ok(names)
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) { Ok(()) } else { Err(self.expected(word)) }
    }
}

/// Whether Redshift takes the text for the MD5 or SHA-256 hash of a password.
fn is_hash(text: &str) -> bool {
    let is_hex = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.strip_prefix("md5").is_some_and(|rest| is_hex(rest, 32)) || text.starts_with("sha256|")
}
