//! What the catalog records of users, groups and roles, and of what they may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::ModelName;
use super::relation::RelationName;

/// Somebody who may open a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// The name.
    pub name: String,
    /// The number of the commit that created it, so no two users have the same.
    pub id: u64,
    /// Whether all is allowed (CREATEUSER).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superuser: bool,
    /// What proves the password, which itself is not kept: PostgreSQL's form of a SCRAM-SHA-256 verifier. `None` means that
    /// no password is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    /// Until when the password is good, in seconds since 1970-01-01 UTC; `None` means for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
}

/// Users under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// The name.
    pub name: String,
    /// The number of the commit that created it.
    pub id: u64,
    /// The users.
    pub members: BTreeSet<String>,
}

/// Rights under one name, which are granted to users and to other roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEntry {
    /// The name.
    pub name: String,
    /// The number of the commit that created it.
    pub id: u64,
}

/// Who has a privilege.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// A user.
    User(String),
    /// A group of users.
    Group(String),
    /// A role.
    Role(String),
    /// Every user, now and later.
    Public,
}

/// As GRANT names it.
impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "{name}"),
            Self::Group(name) => write!(f, "GROUP {name}"),
            Self::Role(name) => write!(f, "ROLE {name}"),
            Self::Public => write!(f, "PUBLIC"),
        }
    }
}

/// What an IAM role is assumed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as GRANT names them")]
pub enum Purpose {
    Copy,
    Unload,
    ExternalFunction,
    CreateModel,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Copy => "COPY",
            Self::Unload => "UNLOAD",
            Self::ExternalFunction => "EXTERNAL FUNCTION",
            Self::CreateModel => "CREATE MODEL",
        })
    }
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as GRANT names them")]
pub enum Privilege {
    CreateModel,
    DropModel,
    Execute,
    Usage,
    Create,
    Select,
    Insert,
    Update,
    Delete,
    /// For whatever purpose.
    AssumeRole,
    AssumeRoleFor(Purpose),
    /// To have what a role has.
    Member,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateModel => "CREATE MODEL",
            Self::DropModel => "DROP MODEL",
            Self::Execute => "EXECUTE",
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::AssumeRole => "ASSUMEROLE FOR ALL",
            Self::AssumeRoleFor(purpose) => return write!(f, "ASSUMEROLE FOR {purpose}"),
            Self::Member => "ROLE",
        })
    }
}

/// What a privilege is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// The whole catalog.
    Database,
    /// A model with its functions.
    Model(ModelName),
    /// A schema.
    Schema(String),
    /// A table or view.
    Relation(RelationName),
    /// An IAM role by its ARN, `default`, or `all`.
    IamRole(String),
    /// A role.
    Role(String),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("the database"),
            Self::Model(name) => write!(f, "model {name}"),
            Self::Schema(name) => write!(f, "schema {name}"),
            Self::Relation(name) => write!(f, "table {name}"),
            Self::IamRole(name) => write!(f, "IAM role {name}"),
            Self::Role(name) => write!(f, "role {name}"),
        }
    }
}

/// Whose privilege on what. There is one grant of each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantKey {
    /// On what.
    pub object: Object,
    /// What is allowed.
    pub privilege: Privilege,
    /// To whom.
    pub grantee: Grantee,
}

/// A privilege that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEntry {
    /// Whose, and on what.
    #[serde(flatten)]
    pub key: GrantKey,
    /// Who granted it last.
    pub grantor: String,
    /// Whether the grantee may grant it to others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grant_option: bool,
}

/// All identities and grants as of one version of the log.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// By name.
    pub users: BTreeMap<String, UserEntry>,
    /// By name.
    pub groups: BTreeMap<String, GroupEntry>,
    /// By name.
    pub roles: BTreeMap<String, RoleEntry>,
    /// By object, so that those on one object follow each other.
    pub grants: BTreeMap<GrantKey, GrantEntry>,
}

/// Access as a checkpoint has it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct AccessEntries {
    users: Vec<UserEntry>,
    groups: Vec<GroupEntry>,
    roles: Vec<RoleEntry>,
    grants: Vec<GrantEntry>,
}

impl Access {
    /// Whether nobody has ever been named: then everybody may do everything.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.roles.is_empty() && self.grants.is_empty()
    }

    /// Whether there is something in it that only the newest format has.
    pub(super) fn needs_newest_format(&self) -> bool {
        self.users.values().any(|user| user.valid_until.is_some())
            || self.grants.keys().any(|key| matches!(key.privilege, Privilege::AssumeRoleFor(_)))
    }

    /// The grants on an object.
    pub fn grants_on<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a GrantEntry> {
        let first = GrantKey {
            object: object.clone(),
            privilege: Privilege::CreateModel,
            grantee: Grantee::User(String::new()),
        };
        self.grants.range(first..).take_while(|(key, _)| key.object == *object).map(|(_, grant)| grant)
    }

    /// Forgets the grants on an object that is gone.
    pub(super) fn forget_object(&mut self, object: &Object) {
        let keys: Vec<GrantKey> = self.grants_on(object).map(|grant| grant.key.clone()).collect();
        keys.iter().for_each(|key| drop(self.grants.remove(key)));
    }

    /// Forgets that a grantee who is gone was a member of anything.
    pub(super) fn forget_member(&mut self, grantee: &Grantee) {
        self.grants.retain(|key, _| key.grantee != *grantee);
        if let Grantee::User(name) = grantee {
            for group in self.groups.values_mut() {
                group.members.remove(name);
            }
        }
    }

    pub(super) fn entries(&self) -> AccessEntries {
        AccessEntries {
            users: self.users.values().cloned().collect(),
            groups: self.groups.values().cloned().collect(),
            roles: self.roles.values().cloned().collect(),
            grants: self.grants.values().cloned().collect(),
        }
    }
}

impl From<AccessEntries> for Access {
    fn from(entries: AccessEntries) -> Self {
        Self {
            users: entries.users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            groups: entries.groups.into_iter().map(|group| (group.name.clone(), group)).collect(),
            roles: entries.roles.into_iter().map(|role| (role.name.clone(), role)).collect(),
            grants: entries.grants.into_iter().map(|grant| (grant.key.clone(), grant)).collect(),
        }
    }
}
