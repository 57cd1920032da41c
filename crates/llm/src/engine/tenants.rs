use std::collections::HashMap;

use crate::TenantId;

/// Tenants that are told apart; the names of more than these share one place.
const TENANTS_MAX: usize = 4096;

/// Numbers for tenants' names.
#[derive(Debug, Default)]
pub(super) struct Tenants(HashMap<String, TenantId>);

impl Tenants {
    /// The number of a tenant.
    pub(super) fn id(&mut self, name: &str) -> TenantId {
        if let Some(id) = self.0.get(name) {
            return *id;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let id = TenantId(next);
        if self.0.len() < TENANTS_MAX {
            self.0.insert(name.to_owned(), id);
        }
        id
    }
}
