use std::collections::{BTreeMap, VecDeque};

use crate::SequenceId;

#[cfg(test)]
mod tests;

/// Who sent a request: an API key, in the order of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u32);

/// The order in which waiting sequences are served.
///
/// Lower priority values first. Within one value start-time fair queueing by tokens between
/// tenants: every tenant has an account of the tokens it was served, divided by its weight, and the
/// smallest account is next. A tenant that was away comes back at the level of those who stayed: it
/// cannot save up, and its debts remain. Within a tenant first come, first served; so a preempted
/// sequence, which came before all that still wait, is its first.
#[derive(Debug, Default)]
pub struct FairQueue {
    classes: BTreeMap<i32, Class>,
    weights: BTreeMap<TenantId, u32>,
    len: usize,
}

/// One waiting sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Whose turn it is.
    pub sequence: SequenceId,
    /// Lower values first.
    pub priority: i32,
    /// Who pays.
    pub tenant: TenantId,
    /// Order within a tenant; unique.
    pub arrival: u64,
    /// What the tenant's account is charged when it is served; 0 if it was charged before.
    pub tokens: usize,
}

/// All of one priority.
#[derive(Debug, Default)]
struct Class {
    /// Those who wait or owe.
    tenants: BTreeMap<TenantId, Tenant>,
    /// The account of the tenant that was served last, at that time; never falls.
    virtual_time: u64,
}

#[derive(Debug)]
struct Tenant {
    /// Ascending in arrival.
    queue: VecDeque<QueueEntry>,
    account: u64,
}

/// Accounts count in parts of a token, so that weights divide finely.
const PARTS_PER_TOKEN: u64 = 1 << 16;

/// Accounts without a debt are kept up to this number per priority, priorities without a queue
/// likewise: requests name them, so nothing else bounds them.
const IDLE_MAX: usize = 256;

impl FairQueue {
    /// Returns an empty queue in which all tenants weigh 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a tenant `weight` times the share of one that weighs 1; 0 counts as 1.
    pub fn set_weight(&mut self, tenant: TenantId, weight: u32) {
        self.weights.insert(tenant, weight.max(1));
    }

    /// Sequences that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Queues a sequence, new or preempted.
    pub fn push(&mut self, entry: QueueEntry) {
        self.drop_idle_classes();
        let class = self.classes.entry(entry.priority).or_default();
        class.drop_idle_tenants();
        let queue = &mut class.tenant(entry.tenant).queue;
        let position = queue.partition_point(|other| other.arrival < entry.arrival);
        queue.insert(position, entry);
        self.len += 1;
    }

    /// Who is next.
    #[must_use]
    pub fn peek(&self) -> Option<&QueueEntry> {
        self.classes.values().find_map(|class| class.tenants[&class.next_tenant()?].queue.front())
    }

    /// Takes out who is next and charges its tenant.
    pub fn pop(&mut self) -> Option<QueueEntry> {
        let QueueEntry { priority, tenant, tokens, .. } = *self.peek()?;
        let parts = self.parts(tenant, tokens);
        let class = self.classes.get_mut(&priority)?;
        let tenant = class.tenants.get_mut(&tenant)?;
        class.virtual_time = class.virtual_time.max(tenant.account);
        tenant.account += parts;
        self.len -= 1;
        tenant.queue.pop_front()
    }

    /// Takes out a sequence that nobody wants any more; false if it does not wait here.
    pub fn remove(&mut self, sequence: SequenceId, priority: i32, tenant: TenantId) -> bool {
        let Some(class) = self.classes.get_mut(&priority) else { return false };
        let found = class.remove(sequence, tenant);
        self.len -= usize::from(found);
        found
    }

    /// Charges a tenant for tokens that were generated for it.
    pub fn charge(&mut self, priority: i32, tenant: TenantId, tokens: usize) {
        let parts = self.parts(tenant, tokens);
        if let Some(class) = self.classes.get_mut(&priority) {
            class.tenant(tenant).account += parts;
        }
    }

    /// Takes back what a tenant was charged for tokens that needed no computing.
    pub fn refund(&mut self, priority: i32, tenant: TenantId, tokens: usize) {
        let parts = self.parts(tenant, tokens);
        if let Some(class) = self.classes.get_mut(&priority) {
            let account = &mut class.tenant(tenant).account;
            *account = account.saturating_sub(parts);
        }
    }

    /// Whether a tenant was served less than another one, by weight.
    #[must_use]
    pub fn is_behind(&self, priority: i32, tenant: TenantId, other: TenantId) -> bool {
        let account = |name| {
            self.classes.get(&priority).map_or(0, |class| {
                class.tenants.get(&name).map_or(class.virtual_time, |tenant| tenant.account)
            })
        };
        account(tenant) < account(other)
    }

    /// A tenant's weight, at least 1.
    #[must_use]
    pub fn weight(&self, tenant: TenantId) -> u32 {
        self.weights.get(&tenant).copied().unwrap_or(1)
    }

    fn parts(&self, tenant: TenantId, tokens: usize) -> u64 {
        tokens as u64 * PARTS_PER_TOKEN / u64::from(self.weight(tenant))
    }

    fn drop_idle_classes(&mut self) {
        if self.classes.len() > IDLE_MAX {
            self.classes.retain(|_, class| class.is_waiting());
        }
    }
}

impl Class {
    fn is_waiting(&self) -> bool {
        self.tenants.values().any(|tenant| !tenant.queue.is_empty())
    }

    /// The waiting tenant with the smallest account; of equal ones that with the oldest request.
    fn next_tenant(&self) -> Option<TenantId> {
        let waiting = self.tenants.iter().filter_map(|(name, tenant)| {
            tenant.queue.front().map(|head| (tenant.account, head.arrival, *name))
        });
        waiting.min().map(|(_, _, name)| name)
    }

    /// The tenant's account; one that had nothing to wait for is lifted to those who had.
    fn tenant(&mut self, name: TenantId) -> &mut Tenant {
        let floor = self.virtual_time;
        let new = || Tenant { queue: VecDeque::new(), account: floor };
        let tenant = self.tenants.entry(name).or_insert_with(new);
        if tenant.queue.is_empty() {
            tenant.account = tenant.account.max(floor);
        }
        tenant
    }

    fn remove(&mut self, sequence: SequenceId, tenant: TenantId) -> bool {
        let Some(tenant) = self.tenants.get_mut(&tenant) else { return false };
        let position = tenant.queue.iter().position(|entry| entry.sequence == sequence);
        position.is_some_and(|position| tenant.queue.remove(position).is_some())
    }

    fn drop_idle_tenants(&mut self) {
        if self.tenants.len() > IDLE_MAX {
            let floor = self.virtual_time;
            self.tenants.retain(|_, tenant| !tenant.queue.is_empty() || tenant.account > floor);
        }
    }
}
