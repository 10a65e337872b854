//! The syntax tree of the statements about users, groups, roles, and what they may do.

use std::fmt::{self, Display, Formatter};

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use super::display::{Literal, list};
use crate::catalog::Privilege;

/// A statement about who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessStatement {
    /// `CREATE USER name [options]`
    CreateUser(Ident, UserOptions),
    /// `ALTER USER name options`
    AlterUser(Ident, UserOptions),
    /// `CREATE GROUP name [WITH USER name, ...]`
    CreateGroup(Ident, Vec<Ident>),
    /// `ALTER GROUP name { ADD | DROP } USER name, ...`
    AlterGroup(Ident, MemberChange, Vec<Ident>),
    /// `CREATE ROLE name`
    CreateRole(Ident),
    /// `DROP { USER | GROUP | ROLE } [IF EXISTS] name, ...`
    Drop(IdentityKind, IfExists, Vec<Ident>),
    /// `GRANT`
    Grant(Grant),
    /// `REVOKE`
    Revoke(Grant),
    /// `SET SESSION AUTHORIZATION name`, and back with DEFAULT, or RESET SESSION AUTHORIZATION.
    SetAuthorization(Option<Ident>),
}

/// `ADD` or `DROP`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the statement says")]
pub enum MemberChange {
    Add,
    Drop,
}

/// Whether it is an error to drop what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the statement says")]
pub enum IfExists {
    Yes,
    No,
}

/// A kind of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as the statement says")]
pub enum IdentityKind {
    User,
    Group,
    Role,
    Public,
}

impl Display for IdentityKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Public => "PUBLIC",
        })
    }
}

/// The options of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserOptions {
    /// What becomes of the password.
    pub password: Option<Password>,
    /// `CREATEUSER` or `NOCREATEUSER`
    pub superuser: Option<bool>,
    /// `VALID UNTIL`: the text, in quotes.
    pub valid_until: Option<Ident>,
    /// `IN GROUP`
    pub groups: Vec<Ident>,
    /// Options that have no effect here, as they are printed.
    pub ignored: Vec<String>,
}

/// `PASSWORD`: it is not shown when the statement is printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// `DISABLE`
    Disable,
    /// A text.
    Text(String),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Disable { "DISABLE" } else { "'***'" })
    }
}

/// `GRANT` or `REVOKE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The privileges; empty means ALL.
    pub privileges: Vec<Privilege>,
    /// What they are on.
    pub object: GrantObject,
    /// Who gets or loses them.
    pub grantees: Vec<GranteeName>,
    /// `GRANT OPTION FOR`: only the right to grant them to others is revoked.
    pub option_only: bool,
}

/// What is granted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantObject {
    /// Nothing named.
    Database,
    /// `ON MODEL`
    Models(Vec<ObjectName>),
    /// `ON SCHEMA`
    Schemas(Vec<Ident>),
    /// `ON [TABLE]`
    Relations(Vec<ObjectName>),
    /// `ON ALL TABLES IN SCHEMA`
    RelationsIn(Vec<Ident>),
    /// `ASSUMEROLE ON`: ARNs, `default`, `all`.
    IamRoles(Vec<String>),
    /// `ROLE`
    Roles(Vec<Ident>),
    /// `ON FUNCTION`
    Functions(Vec<ObjectName>),
    /// `ON ALL FUNCTIONS IN SCHEMA`
    FunctionsIn(Vec<Ident>),
}

/// Who gets or loses a privilege.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GranteeName {
    /// What it is.
    pub kind: IdentityKind,
    /// The name; `public` for PUBLIC.
    pub name: Ident,
    /// `WITH GRANT OPTION`
    pub grant_option: bool,
}

impl Display for AccessStatement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateUser(name, options) => write!(f, "CREATE USER {name}{options}"),
            Self::AlterUser(name, options) => write!(f, "ALTER USER {name}{options}"),
            Self::CreateGroup(name, members) if members.is_empty() => write!(f, "CREATE GROUP {name}"),
            Self::CreateGroup(name, members) => write!(f, "CREATE GROUP {name} WITH USER {}", list(members)),
            Self::AlterGroup(name, change, members) => {
                let change = if *change == MemberChange::Add { "ADD" } else { "DROP" };
                write!(f, "ALTER GROUP {name} {change} USER {}", list(members))
            }
            Self::CreateRole(name) => write!(f, "CREATE ROLE {name}"),
            Self::Drop(kind, if_exists, names) => {
                let if_exists = if *if_exists == IfExists::Yes { "IF EXISTS " } else { "" };
                write!(f, "DROP {} {if_exists}{}", kind.to_string().to_uppercase(), list(names))
            }
            Self::Grant(grant) => write!(f, "GRANT {} TO {}{}", grant.what(), list(&grant.grantees), grant.purpose()),
            Self::Revoke(grant) => {
                let option = if grant.option_only { "GRANT OPTION FOR " } else { "" };
                write!(f, "REVOKE {option}{} FROM {}{}", grant.what(), list(&grant.grantees), grant.purpose())
            }
            Self::SetAuthorization(Some(name)) => write!(f, "SET SESSION AUTHORIZATION {name}"),
            Self::SetAuthorization(None) => f.write_str("SET SESSION AUTHORIZATION DEFAULT"),
        }
    }
}

impl Display for UserOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(password) = &self.password {
            write!(f, " PASSWORD {password:?}")?;
        }
        match self.superuser {
            Some(true) => f.write_str(" CREATEUSER")?,
            Some(false) => f.write_str(" NOCREATEUSER")?,
            None => {}
        }
        if let Some(end) = &self.valid_until {
            write!(f, " VALID UNTIL {}", Literal(&end.value))?;
        }
        self.ignored.iter().try_for_each(|option| write!(f, " {option}"))?;
        if self.groups.is_empty() { Ok(()) } else { write!(f, " IN GROUP {}", list(&self.groups)) }
    }
}

impl Grant {
    fn what(&self) -> String {
        let all = || if self.privileges.is_empty() { "ALL".to_owned() } else { list(&self.privileges) };
        match &self.object {
            GrantObject::Database => all(),
            GrantObject::Models(names) => format!("{} ON MODEL {}", all(), list(names)),
            GrantObject::Schemas(names) => format!("{} ON SCHEMA {}", all(), list(names)),
            GrantObject::Relations(names) => format!("{} ON TABLE {}", all(), list(names)),
            GrantObject::RelationsIn(names) => format!("{} ON ALL TABLES IN SCHEMA {}", all(), list(names)),
            GrantObject::IamRoles(names) => {
                let word = |name: &String| match name.as_str() {
                    "default" | "all" => name.clone(),
                    arn => Literal(arn).to_string(),
                };
                format!("ASSUMEROLE ON {}", list(names.iter().map(word)))
            }
            GrantObject::Roles(names) => format!("ROLE {}", list(names)),
            GrantObject::Functions(names) => format!("{} ON FUNCTION {}", all(), list(names)),
            GrantObject::FunctionsIn(names) => format!("{} ON ALL FUNCTIONS IN SCHEMA {}", all(), list(names)),
        }
    }

    fn purpose(&self) -> String {
        let purpose = |privilege: &Privilege| match privilege {
            Privilege::AssumeRole => Some("ALL".to_owned()),
            Privilege::AssumeRoleFor(purpose) => Some(purpose.to_string()),
            _ => None,
        };
        match self.privileges.iter().filter_map(purpose).collect::<Vec<_>>() {
            purposes if purposes.is_empty() => String::new(),
            purposes => format!(" FOR {}", list(purposes)),
        }
    }
}

impl Display for GranteeName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            IdentityKind::User => write!(f, "{}", self.name)?,
            IdentityKind::Public => f.write_str("PUBLIC")?,
            IdentityKind::Group => write!(f, "GROUP {}", self.name)?,
            IdentityKind::Role => write!(f, "ROLE {}", self.name)?,
        }
        f.write_str(if self.grant_option { " WITH GRANT OPTION" } else { "" })
    }
}
