//! `CREATE`, `ALTER` and `DROP` of users, groups and roles, and `SET SESSION AUTHORIZATION`.

use std::collections::BTreeSet;

use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::DataFrame;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion_ml_core::options::nearest;

use super::{MAX_NAME_BYTES, grants, no_rows, notice_ignored};
use crate::authorize::{denied, verifier};
use crate::catalog::{
    Access, Action, CatalogState, GrantEntry, GrantKey, Grantee, GroupEntry, Object, Privilege, RoleEntry, UserEntry,
};
use crate::copy::timestamp;
use crate::error::invalid;
use crate::relations::folded;
use crate::session::MlSession;
use crate::sql::{AccessStatement, IdentityKind, IfExists, MemberChange, Password, UserOptions, invalid_at};

/// Runs a statement about who may do what.
pub(super) async fn execute(session: &MlSession, statement: AccessStatement) -> Result<DataFrame> {
    let catalog = &session.shared.catalog;
    match statement {
        AccessStatement::Grant(grant) => grants::grant(session, &grant).await?,
        AccessStatement::Revoke(grant) => grants::revoke(session, &grant).await?,
        AccessStatement::SetAuthorization(name) => {
            session.shared.guard.assume(&*catalog.refresh().await?, name.as_ref().map(folded))?;
        }
        AccessStatement::AlterUser(name, options) => alter_user(session, &name_of(&name)?, &options).await?,
        AccessStatement::Drop(kind, if_exists, names) => drop_identities(session, kind, if_exists, &names).await?,
        AccessStatement::CreateUser(name, options) => {
            let (name, verifier) = (name_of(&name)?, verifier_of(options.password.as_ref())?);
            let valid_until = options.valid_until.as_ref().map_or(Ok(None), end_of_password)?;
            let groups: BTreeSet<String> = options.groups.iter().map(folded).collect();
            commit(session, "CREATE USER", |state, access| {
                check_free(access.users.contains_key(&name), IdentityKind::User, &name)?;
                if options.superuser != Some(true) {
                    check_not_an_owner(session, state, &name)?;
                }
                let join = |group: &String| {
                    let mut group = access
                        .groups
                        .get(group)
                        .cloned()
                        .ok_or_else(|| missing(Some(access), IdentityKind::Group, group))?;
                    group.members.insert(name.clone());
                    Ok(Action::PutGroup(group))
                };
                let joined = groups.iter().map(join).collect::<Result<Vec<_>>>()?;
                let user = UserEntry {
                    name: name.clone(),
                    id: state.version() + 1,
                    superuser: options.superuser == Some(true),
                    verifier: verifier.clone(),
                    valid_until,
                };
                Ok(first_grants(session, access).into_iter().chain([Action::PutUser(user)]).chain(joined).collect())
            })
            .await?;
            notice_ignored(session, &options.ignored);
        }
        AccessStatement::CreateGroup(name, members) => {
            let (name, members) = (name_of(&name)?, members.iter().map(folded).collect::<BTreeSet<_>>());
            commit(session, "CREATE GROUP", |state, access| {
                check_free(access.groups.contains_key(&name), IdentityKind::Group, &name)?;
                check_users(access, &members)?;
                let group = GroupEntry { name: name.clone(), id: state.version() + 1, members: members.clone() };
                Ok(vec![Action::PutGroup(group)])
            })
            .await?;
        }
        AccessStatement::AlterGroup(name, change, members) => {
            let (name, members) = (folded(&name), members.iter().map(folded).collect::<BTreeSet<_>>());
            commit(session, "ALTER GROUP", |_, access| {
                let mut group = access
                    .groups
                    .get(&name)
                    .cloned()
                    .ok_or_else(|| missing(Some(access), IdentityKind::Group, &name))?;
                check_users(access, &members)?;
                match change {
                    MemberChange::Add => group.members.extend(members.clone()),
                    MemberChange::Drop => group.members.retain(|member| !members.contains(member)),
                }
                Ok(vec![Action::PutGroup(group)])
            })
            .await?;
        }
        AccessStatement::CreateRole(name) => {
            let name = name_of(&name)?;
            commit(session, "CREATE ROLE", |state, access| {
                check_free(access.roles.contains_key(&name), IdentityKind::Role, &name)?;
                Ok(vec![Action::PutRole(RoleEntry { name: name.clone(), id: state.version() + 1 })])
            })
            .await?;
        }
    }
    no_rows(session)
}

/// Commits what `decide` makes of the newest state, for superusers.
async fn commit(
    session: &MlSession,
    what: &str,
    decide: impl Fn(&CatalogState, &Access) -> Result<Vec<Action>>,
) -> Result<()> {
    let decide = |state: &CatalogState| {
        session.shared.guard.rights(state).check_superuser(what)?;
        decide(state, state.access())
    };
    session.commit(None, decide).await.map(drop)
}

/// What PUBLIC has from the first user on, as in Redshift: the schema public, and every IAM role.
fn first_grants(session: &MlSession, access: &Access) -> Vec<Action> {
    if !access.users.is_empty() {
        return Vec::new();
    }
    let public = || Object::Schema("public".to_owned());
    let grants = [
        (Privilege::Usage, public()),
        (Privilege::Create, public()),
        (Privilege::AssumeRole, Object::IamRole("all".to_owned())),
    ];
    let entry = |(privilege, object)| GrantEntry {
        key: GrantKey { object, privilege, grantee: Grantee::Public },
        grantor: session.user(),
        grant_option: false,
    };
    grants.map(|grant| Action::Grant(entry(grant))).to_vec()
}

/// Users change their own passwords, superusers everything.
async fn alter_user(session: &MlSession, name: &str, options: &UserOptions) -> Result<()> {
    let verifier = verifier_of(options.password.as_ref())?;
    let valid_until = options.valid_until.as_ref().map(end_of_password).transpose()?;
    let decide = |state: &CatalogState| {
        let rights = session.shared.guard.rights(state);
        if !rights.owns(name) || options.superuser.is_some() || valid_until.is_some() {
            rights.check_superuser("ALTER USER of another, CREATEUSER and VALID UNTIL")?;
        }
        let mut user = state
            .access()
            .users
            .get(name)
            .cloned()
            .ok_or_else(|| missing(Some(state.access()), IdentityKind::User, name))?;
        if options.password.is_some() {
            user.verifier.clone_from(&verifier);
        }
        user.superuser = options.superuser.unwrap_or(user.superuser);
        if options.superuser == Some(false) && session.shared.guard.is_owner(name) {
            return Err(not_an_owner(name));
        }
        user.valid_until = valid_until.unwrap_or(user.valid_until);
        Ok(vec![Action::PutUser(user)])
    };
    session.commit(None, decide).await?;
    notice_ignored(session, &options.ignored);
    Ok(())
}

/// All of them, or none.
async fn drop_identities(session: &MlSession, kind: IdentityKind, if_exists: IfExists, names: &[Ident]) -> Result<()> {
    let names: BTreeSet<String> = names.iter().map(folded).collect();
    commit(session, &format!("DROP {}", kind.to_string().to_uppercase()), |state, access| {
        let mut actions = Vec::new();
        for name in &names {
            let is_there = match kind {
                IdentityKind::User => access.users.contains_key(name),
                IdentityKind::Group => access.groups.contains_key(name),
                _ => access.roles.contains_key(name),
            };
            match (is_there, if_exists) {
                (false, IfExists::Yes) => continue,
                (false, IfExists::No) => return Err(nothing_to_drop(access, kind, name)),
                _ => {}
            }
            actions.push(match kind {
                IdentityKind::User => {
                    check_not_owner(state, name)?;
                    check_no_grants(access, kind, name, &Grantee::User(name.clone()))?;
                    Action::DropUser(name.clone())
                }
                IdentityKind::Group => {
                    check_no_grants(access, kind, name, &Grantee::Group(name.clone()))?;
                    Action::DropGroup(name.clone())
                }
                _ => {
                    check_no_grants(access, kind, name, &Grantee::Role(name.clone()))?;
                    Action::DropRole(name.clone())
                }
            });
        }
        Ok(actions)
    })
    .await
}

/// Fails if the name is that of an owner of the store: what they make would be an ordinary user's.
fn check_not_an_owner(session: &MlSession, state: &CatalogState, name: &str) -> Result<()> {
    match session.shared.guard.is_owner(name) || owns_something(state, name)? {
        true => Err(not_an_owner(name)),
        false => Ok(()),
    }
}

fn not_an_owner(name: &str) -> DataFusionError {
    invalid(format!(
        "what an owner of the store called {name} makes would belong to user {name}, who has to be a superuser; choose another \
         name, or CREATE USER {name} CREATEUSER"
    ))
}

fn owns_something(state: &CatalogState, name: &str) -> Result<bool> {
    for model in state.models() {
        if model.entry()?.owner == name {
            return Ok(true);
        }
    }
    Ok(state.trainings().any(|training| training.owner == name)
        || state.relations().any(|relation| relation.owner == name)
        || state.schemas().any(|schema| schema.owner == name))
}

/// Redshift's words.
fn check_not_owner(state: &CatalogState, name: &str) -> Result<()> {
    match owns_something(state, name)? {
        true => {
            Err(invalid(format!("user \"{name}\" can't be dropped because the user owns some object; drop that first")))
        }
        false => Ok(()),
    }
}

/// To be a member of a role is no privilege on an object.
fn check_no_grants(access: &Access, kind: IdentityKind, name: &str, grantee: &Grantee) -> Result<()> {
    match access.grants.keys().find(|key| key.grantee == *grantee && key.privilege != Privilege::Member) {
        Some(GrantKey { object, privilege, .. }) => Err(invalid(format!(
            "{kind} \"{name}\" can't be dropped because the {kind} has a privilege on some object; REVOKE {privilege} on \
             {object} first"
        ))),
        None => Ok(()),
    }
}

fn check_free(is_taken: bool, kind: IdentityKind, name: &str) -> Result<()> {
    if is_taken { Err(invalid(format!("{kind} {name} exists already; choose another name"))) } else { Ok(()) }
}

fn check_users(access: &Access, names: &BTreeSet<String>) -> Result<()> {
    match names.iter().find(|name| !access.users.contains_key(*name)) {
        Some(name) => Err(missing(Some(access), IdentityKind::User, name)),
        None => Ok(()),
    }
}

/// The error for a name that nobody has; `access` is given to whom the other names may be told.
pub(super) fn missing(access: Option<&Access>, kind: IdentityKind, name: &str) -> DataFusionError {
    let create = || format!("CREATE {} makes one", kind.to_string().to_uppercase());
    let remedy = access.and_then(|access| near(access, kind, name)).unwrap_or_else(create);
    denied(format!("there is no {kind} {name}; {remedy}"))
}

/// The error for a name that nobody has, of those that are to be dropped.
fn nothing_to_drop(access: &Access, kind: IdentityKind, name: &str) -> DataFusionError {
    let leave = || format!("DROP {} IF EXISTS does nothing then", kind.to_string().to_uppercase());
    let remedy = near(access, kind, name).unwrap_or_else(leave);
    denied(format!("there is no {kind} {name}; {remedy}"))
}

/// The question whether a name like it is meant, if there is one.
fn near(access: &Access, kind: IdentityKind, name: &str) -> Option<String> {
    let names: Vec<&String> = match kind {
        IdentityKind::User => access.users.keys().collect(),
        IdentityKind::Group => access.groups.keys().collect(),
        IdentityKind::Role => access.roles.keys().collect(),
        IdentityKind::Public => Vec::new(),
    };
    nearest(name, names.iter().map(|name| name.as_str())).map(|near| format!("did you mean {near}?"))
}

fn name_of(name: &Ident) -> Result<String> {
    match folded(name) {
        name if name.len() > MAX_NAME_BYTES => Err(invalid(format!(
            "a name of {} bytes is too long; a name has at most {MAX_NAME_BYTES} bytes",
            name.len()
        ))),
        name if name == "public" || name.trim().is_empty() || name.contains(char::is_control) => {
            Err(invalid(format!("\"{name}\" cannot be a name here; choose another")))
        }
        name => Ok(name),
    }
}

/// The second in which a password ends, since 1970-01-01 UTC; `None` for `infinity`.
fn end_of_password(text: &Ident) -> Result<Option<i64>> {
    if text.value.eq_ignore_ascii_case("infinity") {
        return Ok(None);
    }
    match timestamp(&text.value) {
        Some(time) => Ok(Some(time.and_utc().timestamp())),
        None => Err(invalid_at(
            text.span,
            format!("'{}' is no point in time", text.value),
            "write one such as '2030-12-31 23:59', which is UTC unless a zone follows, or 'infinity'",
        )),
    }
}

fn verifier_of(password: Option<&Password>) -> Result<Option<String>> {
    match password {
        Some(Password::Text(text)) => verifier(text).map(Some),
        Some(Password::Disable) | None => Ok(None),
    }
}
