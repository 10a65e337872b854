//! `GRANT` and `REVOKE`.

use std::collections::BTreeSet;

use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Ident, Spanned};

use super::drop::no_such_schema;
use super::identities::missing;
use super::{model_name, no_such_model, no_such_relation};
use crate::authorize::{Rights, denied};
use crate::catalog::{Access, Action, CatalogState, GrantEntry, GrantKey, Grantee, Object, Privilege, Purpose};
use crate::error::invalid;
use crate::relations::folded;
use crate::session::MlSession;
use crate::sql::{Grant, GrantObject, GranteeName, IdentityKind};

/// The privileges on an IAM role.
const ASSUME_ROLE: [Privilege; 5] = [
    Privilege::AssumeRole,
    Privilege::AssumeRoleFor(Purpose::Copy),
    Privilege::AssumeRoleFor(Purpose::Unload),
    Privilege::AssumeRoleFor(Purpose::ExternalFunction),
    Privilege::AssumeRoleFor(Purpose::CreateModel),
];

/// The privileges on a table or view.
const ON_RELATION: [Privilege; 4] = [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete];

/// Gives privileges: all that the statement names, or none.
pub(super) async fn grant(session: &MlSession, grant: &Grant) -> Result<()> {
    let decide = |state: &CatalogState| {
        let rights = session.shared.guard.rights(state);
        let mut actions = Vec::new();
        for (object, privilege) in granted(session, state, &rights, grant)? {
            for name in &grant.grantees {
                let grantee = grantee(&rights, state, name)?;
                check_grantee(state, privilege, &object, &grantee)?;
                let key = GrantKey { object: object.clone(), privilege, grantee };
                let before = state.access().grants.get(&key);
                // Who has granted is not forgotten, or two could grant each other what nobody can revoke.
                let grantor = before.filter(|before| before.grant_option || !name.grant_option);
                let grantor = grantor.map_or(rights.name(), |before| &before.grantor).to_owned();
                let grant_option = name.grant_option || before.is_some_and(|before| before.grant_option);
                actions.push(Action::Grant(GrantEntry { key, grantor, grant_option }));
            }
        }
        Ok(actions)
    };
    session.commit(None, decide).await.map(drop)
}

/// Takes privileges: all that the statement names, or none. What is not there need not be taken.
pub(super) async fn revoke(session: &MlSession, grant: &Grant) -> Result<()> {
    let decide = |state: &CatalogState| {
        let rights = session.shared.guard.rights(state);
        let mut actions = Vec::new();
        for (object, privilege) in granted(session, state, &rights, grant)? {
            for name in &grant.grantees {
                let grantee = grantee(&rights, state, name)?;
                let is_first = grant.privileges.first() == Some(&privilege);
                if is_first {
                    actions.extend(keep_other_purposes(state, &grant.privileges, &object, &grantee));
                }
                for privilege in revoked_with(privilege, is_first) {
                    let key = GrantKey { object: object.clone(), privilege, grantee: grantee.clone() };
                    let Some(entry) = state.access().grants.get(&key) else { continue };
                    check_grantor(state, &rights, entry)?;
                    check_no_dependents(state, entry)?;
                    actions.push(match grant.option_only {
                        true => Action::Grant(GrantEntry { grant_option: false, ..entry.clone() }),
                        false => Action::Revoke(key),
                    });
                }
            }
        }
        Ok(actions)
    };
    session.commit(None, decide).await.map(drop)
}

/// The privileges that end when one is revoked: to assume a role for all purposes is to assume it for each.
fn revoked_with(privilege: Privilege, is_first: bool) -> Vec<Privilege> {
    match privilege {
        Privilege::AssumeRole => ASSUME_ROLE.to_vec(),
        Privilege::AssumeRoleFor(_) if is_first => vec![Privilege::AssumeRole, privilege],
        other => vec![other],
    }
}

/// Grants what stays of a role that could be assumed for all purposes when some of them are revoked.
fn keep_other_purposes(state: &CatalogState, revoked: &[Privilege], object: &Object, grantee: &Grantee) -> Vec<Action> {
    let key = |privilege| GrantKey { object: object.clone(), privilege, grantee: grantee.clone() };
    let for_all = state.access().grants.get(&key(Privilege::AssumeRole));
    let Some(for_all) = for_all.filter(|_| !revoked.contains(&Privilege::AssumeRole)) else { return Vec::new() };
    let others = ASSUME_ROLE[1..].iter().filter(|purpose| !revoked.contains(purpose));
    others.map(|purpose| Action::Grant(GrantEntry { key: key(*purpose), ..for_all.clone() })).collect()
}

/// Who may grant by an option alone takes what was granted in that way, and nothing else.
fn check_grantor(state: &CatalogState, rights: &Rights, entry: &GrantEntry) -> Result<()> {
    let GrantEntry { key: GrantKey { object, privilege, grantee }, grantor, .. } = entry;
    match grantor == rights.name() || rights.owns_object(state, object)? {
        true => Ok(()),
        false => Err(denied(format!(
            "permission denied: {grantor} has granted {privilege} on {object} to {grantee}, and revokes it; so do its owner and \
             superusers"
        ))),
    }
}

/// RESTRICT, as always: who has granted on what is to be revoked keeps it until that has been revoked.
fn check_no_dependents(state: &CatalogState, entry: &GrantEntry) -> Result<()> {
    let Grantee::User(user) = &entry.key.grantee else { return Ok(()) };
    let is_dependent = |other: &&GrantEntry| {
        entry.grant_option
            && other.grantor == *user
            && other.key.privilege == entry.key.privilege
            && other.key.grantee != entry.key.grantee
    };
    match state.access().grants_on(&entry.key.object).find(is_dependent) {
        Some(GrantEntry { key: GrantKey { object, privilege, grantee }, .. }) => {
            Err(invalid(format!("user {user} has granted {privilege} on {object} to {grantee}; revoke that first")))
        }
        None => Ok(()),
    }
}

/// What the statement names, each with each privilege. Fails if the principal may not grant it, as if what it is on did not
/// exist unless that may be known.
fn granted(
    session: &MlSession,
    state: &CatalogState,
    rights: &Rights,
    grant: &Grant,
) -> Result<Vec<(Object, Privilege)>> {
    let (objects, all): (Vec<Object>, &[Privilege]) = match &grant.object {
        GrantObject::Database => (vec![Object::Database], &[Privilege::CreateModel, Privilege::DropModel]),
        GrantObject::Models(names) => {
            let object = |name| {
                let (place, name) = (Spanned::span(name), model_name(session, name)?);
                let is_there = state.model(&name).is_some() || state.training(&name).is_some();
                match is_there && rights.may_see_model(state, &name)? {
                    true => Ok(Object::Model(name)),
                    false => Err(no_such_model(session, state, &name, place)),
                }
            };
            (names.iter().map(object).collect::<Result<_>>()?, &[Privilege::Execute])
        }
        GrantObject::Schemas(names) => {
            let object = |name: &_| schema_of(state, name).map(Object::Schema);
            (names.iter().map(object).collect::<Result<_>>()?, &[Privilege::Usage, Privilege::Create])
        }
        GrantObject::Relations(names) => {
            let object = |name| {
                let name = model_name(session, name)?;
                match state.relation(&name).is_some_and(|relation| rights.may_see(state, relation)) {
                    true => Ok(Object::Relation(name)),
                    false => Err(no_such_relation(session, state, &name)),
                }
            };
            (names.iter().map(object).collect::<Result<_>>()?, &ON_RELATION)
        }
        GrantObject::RelationsIn(schemas) => {
            let schemas = schemas.iter().map(|name| schema_of(state, name)).collect::<Result<BTreeSet<_>>>()?;
            let relations = state
                .relations()
                .filter(|relation| schemas.contains(&relation.name.schema) && rights.may_see(state, relation));
            (relations.map(|relation| Object::Relation(relation.name.clone())).collect(), &ON_RELATION)
        }
        GrantObject::IamRoles(names) => (names.iter().cloned().map(Object::IamRole).collect(), &ASSUME_ROLE),
        GrantObject::Roles(names) => {
            let object = |name: &_| match folded(name) {
                name if state.access().roles.contains_key(&name) => Ok(Object::Role(name)),
                name => Err(missing(told(rights, state), IdentityKind::Role, &name)),
            };
            (names.iter().map(object).collect::<Result<_>>()?, &[Privilege::Member])
        }
        GrantObject::Functions(names) => {
            for name in names {
                let name = model_name(session, name)?;
                if let Some(model) = state.model_of_function(&name)
                    && rights.may_execute(state, model)?
                {
                    let model = model.name();
                    return Err(invalid(format!(
                        "{name} is a function of model {model}; GRANT EXECUTE ON MODEL {model} covers all of its functions"
                    )));
                }
            }
            return Err(invalid("only functions of models are granted here: GRANT EXECUTE ON MODEL name TO ..."));
        }
        GrantObject::FunctionsIn(schemas) => {
            let schemas: Vec<String> = schemas.iter().map(folded).collect();
            return Err(invalid(format!(
                "EXECUTE ON ALL FUNCTIONS does not cover models, which are all the functions that schema {} can have; name \
                 each: GRANT EXECUTE ON MODEL name TO ...",
                schemas.join(", ")
            )));
        }
    };
    let privileges = if grant.privileges.is_empty() { all } else { &grant.privileges };
    let mut granted = Vec::new();
    for object in objects {
        for privilege in privileges {
            if !all.contains(privilege) {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                return Err(invalid(format!("{privilege} is no privilege on {object}; there are {}", all.join(", "))));
            }
            if !rights.may_grant(state, *privilege, &object)? {
                let who = match object {
                    Object::Role(_) | Object::Database | Object::IamRole(_) => "superusers",
                    _ => "its owner, superusers, and who has it WITH GRANT OPTION",
                };
                return Err(denied(format!(
                    "permission denied: {privilege} on {object} can be granted and revoked by {who}"
                )));
            }
            granted.push((object.clone(), *privilege));
        }
    }
    Ok(granted)
}

/// Fails if there is no such schema.
fn schema_of(state: &CatalogState, name: &Ident) -> Result<String> {
    match folded(name) {
        name if name == "public" || state.has_schema(&name) => Ok(name),
        name => Err(no_such_schema(state, &name)),
    }
}

/// The identities, if their names may be told.
fn told<'a>(rights: &Rights, state: &'a CatalogState) -> Option<&'a Access> {
    rights.is_superuser().then(|| state.access())
}

fn grantee(rights: &Rights, state: &CatalogState, name: &GranteeName) -> Result<Grantee> {
    let (access, kind, name) = (state.access(), name.kind, folded(&name.name));
    let is_there = match kind {
        IdentityKind::User => access.users.contains_key(&name),
        IdentityKind::Group => access.groups.contains_key(&name),
        IdentityKind::Role => access.roles.contains_key(&name),
        IdentityKind::Public => true,
    };
    match (is_there, kind) {
        (false, IdentityKind::User) if access.groups.contains_key(&name) => {
            Err(denied(format!("there is no user {name}, but a group; write GROUP {name}")))
        }
        (false, IdentityKind::User) if access.roles.contains_key(&name) => {
            Err(denied(format!("there is no user {name}, but a role; write ROLE {name}")))
        }
        (false, _) => Err(missing(told(rights, state), kind, &name)),
        (_, IdentityKind::User) => Ok(Grantee::User(name)),
        (_, IdentityKind::Group) => Ok(Grantee::Group(name)),
        (_, IdentityKind::Role) => Ok(Grantee::Role(name)),
        (_, IdentityKind::Public) => Ok(Grantee::Public),
    }
}

/// Fails for a grant that means nothing.
fn check_grantee(state: &CatalogState, privilege: Privilege, object: &Object, grantee: &Grantee) -> Result<()> {
    match (privilege, object, grantee) {
        (Privilege::DropModel, _, Grantee::User(_) | Grantee::Group(_) | Grantee::Public) => Err(invalid(
            "DROP MODEL is granted to roles only: GRANT DROP MODEL TO ROLE name, and GRANT ROLE name TO user",
        )),
        (Privilege::Member, _, Grantee::Group(_) | Grantee::Public) => {
            Err(invalid("roles are granted to users and to other roles; name them"))
        }
        (Privilege::Member, Object::Role(role), Grantee::Role(member)) if is_member(state, role, member) => Err(
            invalid(format!("role {role} would be a member of itself; REVOKE ROLE {member} FROM ROLE {role} first")),
        ),
        _ => Ok(()),
    }
}

/// Whether role `role` has, itself or through others, what role `of` has.
fn is_member(state: &CatalogState, role: &str, of: &str) -> bool {
    role == of
        || state.access().grants_on(&Object::Role(of.to_owned())).any(|grant| match &grant.key.grantee {
            Grantee::Role(member) => is_member(state, role, member),
            _ => false,
        })
}
