//! What one principal may do, in view of one state of the catalog.

use std::collections::BTreeSet;

use datafusion::error::Result;

use super::denied;
use crate::catalog::{
    Access, CatalogState, GrantKey, Grantee, IndexedEntry, ModelName, Object, Privilege, Purpose, RelationEntry,
    TrainingEntry,
};

/// The rights of a principal. They are made anew for every statement, so that a REVOKE bites on the next one.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    name: String,
    /// As whom the principal is granted privileges; `None` may do everything.
    identities: Option<BTreeSet<Grantee>>,
}

impl Rights {
    /// Those of a principal who may do everything.
    pub(crate) fn all(name: &str) -> Self {
        Self { name: name.to_owned(), identities: None }
    }

    /// Those of a user who is gone.
    pub(super) fn none(name: &str) -> Self {
        Self { name: name.to_owned(), identities: Some(BTreeSet::new()) }
    }

    /// Those of a user: its own and those of its groups, of its roles, and of PUBLIC.
    pub(super) fn of_user(state: &CatalogState, name: &str) -> Self {
        let access = state.access();
        let Some(user) = access.users.get(name) else { return Self::none(name) };
        if user.superuser {
            return Self::all(name);
        }
        let mut identities = BTreeSet::from([Grantee::User(name.to_owned()), Grantee::Public]);
        let groups = access.groups.values().filter(|group| group.members.contains(name));
        identities.extend(groups.map(|group| Grantee::Group(group.name.clone())));
        loop {
            let is_new = |role: &&String| {
                let object = Object::Role((*role).clone());
                !identities.contains(&Grantee::Role((*role).clone()))
                    && has(access, &identities, Privilege::Member, &object)
            };
            let found: Vec<Grantee> = access.roles.keys().filter(is_new).cloned().map(Grantee::Role).collect();
            if found.is_empty() {
                return Self { name: name.to_owned(), identities: Some(identities) };
            }
            identities.extend(found);
        }
    }

    /// The principal's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the principal is granted what this grantee is granted.
    pub(crate) fn is(&self, grantee: &Grantee) -> bool {
        self.identities.as_ref().is_none_or(|identities| identities.contains(grantee))
    }

    /// Whether everything is allowed.
    pub(crate) fn is_superuser(&self) -> bool {
        self.identities.is_none()
    }

    /// Fails unless everything is allowed.
    pub(crate) fn check_superuser(&self, what: &str) -> Result<()> {
        match self.is_superuser() {
            true => Ok(()),
            false => Err(denied(format!("permission denied: {what} is for superusers; ask one"))),
        }
    }

    /// Whether the principal owns what belongs to `owner`, or may do as if.
    pub(crate) fn owns(&self, owner: &str) -> bool {
        self.identities.as_ref().is_none_or(|identities| !identities.is_empty() && self.name == owner)
    }

    /// Whether the principal was granted the privilege, in whatever way.
    pub(crate) fn has(&self, state: &CatalogState, privilege: Privilege, object: &Object) -> bool {
        let Some(identities) = &self.identities else { return true };
        has(state.access(), identities, privilege, object)
    }

    /// Whether the principal may grant the privilege to others.
    pub(crate) fn may_grant(&self, state: &CatalogState, privilege: Privilege, object: &Object) -> Result<bool> {
        let key = GrantKey { object: object.clone(), privilege, grantee: Grantee::User(self.name.clone()) };
        let has_option = state.access().grants.get(&key).is_some_and(|grant| grant.grant_option);
        let is_user = self.identities.as_ref().is_none_or(|identities| !identities.is_empty());
        Ok(self.owns_object(state, object)? || has_option && is_user)
    }

    /// Whether the object is the principal's.
    pub(crate) fn owns_object(&self, state: &CatalogState, object: &Object) -> Result<bool> {
        let owner = match object {
            Object::Model(name) => owner_of_model(state, name)?,
            Object::Relation(name) => state.relation(name).map(|relation| relation.owner.as_str()),
            Object::Schema(name) => state.schema(name).map(|schema| schema.owner.as_str()),
            _ => None,
        };
        Ok(self.is_superuser() || owner.is_some_and(|owner| self.owns(owner)))
    }

    /// Whether what lies in the schema can be named.
    pub(crate) fn may_use_schema(&self, state: &CatalogState, schema: &str) -> bool {
        self.owns_schema(state, schema) || self.has(state, Privilege::Usage, &Object::Schema(schema.to_owned()))
    }

    /// Whether the schema is the principal's.
    pub(crate) fn owns_schema(&self, state: &CatalogState, schema: &str) -> bool {
        self.is_superuser() || state.schema(schema).is_some_and(|schema| self.owns(&schema.owner))
    }

    /// Fails unless something can be created in the schema.
    pub(crate) fn check_create_in(&self, state: &CatalogState, schema: &str) -> Result<()> {
        let has = |privilege| self.has(state, privilege, &Object::Schema(schema.to_owned()));
        match self.owns_schema(state, schema) || has(Privilege::Create) && has(Privilege::Usage) {
            true => Ok(()),
            false => Err(denied(format!(
                "permission denied for schema {schema}; ask for GRANT CREATE, USAGE ON SCHEMA {schema} TO {}",
                self.name
            ))),
        }
    }

    /// Fails unless models can be created in these schemas.
    pub(crate) fn check_create_model(&self, state: &CatalogState, schemas: &[&str]) -> Result<()> {
        let user = &self.name;
        if !self.has(state, Privilege::CreateModel, &Object::Database) {
            return Err(denied(format!("permission denied to create models; ask for GRANT CREATE MODEL TO {user}")));
        }
        schemas.iter().try_for_each(|schema| self.check_create_in(state, schema))
    }

    /// Fails unless the IAM role can be used for that.
    pub(crate) fn check_assume(&self, state: &CatalogState, role: &str, purpose: Purpose) -> Result<()> {
        let may = |role: &str| {
            let role = Object::IamRole(role.to_owned());
            let privileges = [Privilege::AssumeRole, Privilege::AssumeRoleFor(purpose)];
            privileges.into_iter().any(|privilege| self.has(state, privilege, &role))
        };
        match may("all") || may(role) {
            true => Ok(()),
            false => Err(denied(format!(
                "User {} does not have ASSUMEROLE permission on IAM role \"{role}\" for {purpose}",
                self.name
            ))),
        }
    }

    /// Whether the model can be used: its functions called, its report and what it learned read.
    pub(crate) fn may_execute(&self, state: &CatalogState, model: &IndexedEntry) -> Result<bool> {
        if self.is_superuser() {
            return Ok(true);
        }
        let name = model.name();
        let is_granted = || self.has(state, Privilege::Execute, &Object::Model(name.clone()));
        Ok(self.may_use_schema(state, &name.schema) && (self.owns(&model.entry()?.owner) || is_granted()))
    }

    /// The same of a model that is being trained: it is its owner's, and of those who may use the model that it replaces.
    pub(crate) fn may_see_training(&self, state: &CatalogState, training: &TrainingEntry) -> bool {
        let is_granted = || {
            self.has(state, Privilege::Execute, &Object::Model(training.name.clone()))
                && self.may_use_schema(state, &training.name.schema)
        };
        self.owns(&training.owner) || is_granted()
    }

    /// Whether there is a model of that name, ready or not, to the principal's knowledge.
    pub(crate) fn may_see_model(&self, state: &CatalogState, name: &ModelName) -> Result<bool> {
        if self.is_superuser() {
            return Ok(true);
        }
        let is_ready = state.model(name).map_or(Ok(false), |model| self.may_execute(state, model))?;
        Ok(is_ready || state.training(name).is_some_and(|training| self.may_see_training(state, training)))
    }

    /// Whether the model can be dropped: by its owner, the owner of its schema, and who has DROP MODEL.
    pub(crate) fn may_drop_model(&self, state: &CatalogState, name: &ModelName) -> Result<bool> {
        let is_owner = owner_of_model(state, name)?.is_some_and(|owner| self.owns(owner));
        Ok(is_owner
            || self.owns_schema(state, &name.schema)
            || self.has(state, Privilege::DropModel, &Object::Database))
    }

    /// Whether the model of that name is the principal's; true if there is none.
    pub(crate) fn may_replace_model(&self, state: &CatalogState, name: &ModelName) -> Result<bool> {
        Ok(owner_of_model(state, name)?.is_none_or(|owner| self.owns(owner)))
    }

    /// Whether the privilege on a table or view is the principal's.
    pub(crate) fn may(&self, state: &CatalogState, privilege: Privilege, relation: &RelationEntry) -> bool {
        let name = &relation.name;
        self.owns(&relation.owner)
            || self.has(state, privilege, &Object::Relation(name.clone())) && self.may_use_schema(state, &name.schema)
    }

    /// Whether there is such a table or view to the principal's knowledge.
    pub(crate) fn may_see(&self, state: &CatalogState, relation: &RelationEntry) -> bool {
        let all = [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete];
        all.into_iter().any(|privilege| self.may(state, privilege, relation))
    }
}

/// The owner of the model, or of the training of one that is not there yet.
fn owner_of_model<'a>(state: &'a CatalogState, name: &ModelName) -> Result<Option<&'a str>> {
    match state.model(name) {
        Some(model) => Ok(Some(&model.entry()?.owner)),
        None => Ok(state.training(name).map(|training| training.owner.as_str())),
    }
}

fn has(access: &Access, identities: &BTreeSet<Grantee>, privilege: Privilege, object: &Object) -> bool {
    identities.iter().any(|grantee| {
        let key = GrantKey { object: object.clone(), privilege, grantee: grantee.clone() };
        access.grants.contains_key(&key)
    })
}
