use crate::{Sequence, SequenceId};

/// All sequences that live, found in constant time by their id.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    vacant: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    /// How many sequences were here before.
    generation: u32,
    sequence: Option<Box<Sequence>>,
}

impl Slots {
    /// Stores the sequence that `make` builds for its id.
    pub(super) fn insert(&mut self, make: impl FnOnce(SequenceId) -> Sequence) -> SequenceId {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("the queue is bounded far below this")
        });
        let Slot { generation, sequence } = &mut self.slots[slot as usize];
        let id = SequenceId { slot, generation: *generation };
        *sequence = Some(Box::new(make(id)));
        id
    }

    pub(super) fn get(&self, id: SequenceId) -> Option<&Sequence> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.sequence.as_deref().filter(|_| slot.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: SequenceId) -> Option<&mut Sequence> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.sequence.as_deref_mut().filter(|_| slot.generation == id.generation)
    }

    /// A sequence that a list of the scheduler names.
    pub(super) fn at(&self, id: SequenceId) -> &Sequence {
        self.get(id).expect("lists name only sequences that live")
    }

    /// A sequence that a list of the scheduler names.
    pub(super) fn at_mut(&mut self, id: SequenceId) -> &mut Sequence {
        self.get_mut(id).expect("lists name only sequences that live")
    }

    pub(super) fn remove(&mut self, id: SequenceId) -> Option<Box<Sequence>> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let sequence = slot.sequence.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.vacant.push(id.slot);
        Some(sequence)
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sequence> {
        self.slots.iter().filter_map(|slot| slot.sequence.as_deref())
    }
}
