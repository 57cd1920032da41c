/// A doubly linked list of block numbers inside one array: every operation takes constant time.
#[derive(Debug)]
pub(super) struct FreeList {
    /// One per block, and a last one that closes the ring: its `next` is the front.
    links: Vec<Link>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
}

impl FreeList {
    /// Returns the list of the numbers below `blocks`, ascending.
    pub(super) fn full(blocks: u32) -> Self {
        let ring = blocks.checked_add(1).expect("blocks and the ring's end fit into 32 bits");
        let link = |index| Link {
            previous: if index == 0 { blocks } else { index - 1 },
            next: if index == blocks { 0 } else { index + 1 },
        };
        Self { links: (0..ring).map(link).collect(), len: blocks as usize }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn pop_front(&mut self) -> Option<u32> {
        let front = self.links[self.end() as usize].next;
        (front != self.end()).then(|| {
            self.remove(front);
            front
        })
    }

    pub(super) fn push_front(&mut self, block: u32) {
        self.insert_before(self.links[self.end() as usize].next, block);
    }

    pub(super) fn push_back(&mut self, block: u32) {
        self.insert_before(self.end(), block);
    }

    /// Takes out a block that is in the list.
    pub(super) fn remove(&mut self, block: u32) {
        let Link { previous, next } = self.links[block as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
        self.len -= 1;
    }

    /// From front to back.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let next = |block: u32| Some(self.links[block as usize].next).filter(|b| *b != self.end());
        std::iter::successors(next(self.end()), move |block| next(*block))
    }

    fn insert_before(&mut self, next: u32, block: u32) {
        let previous = self.links[next as usize].previous;
        self.links[block as usize] = Link { previous, next };
        self.links[previous as usize].next = block;
        self.links[next as usize].previous = block;
        self.len += 1;
    }

    #[expect(clippy::cast_possible_truncation, reason = "the constructor counts them in 32 bits")]
    fn end(&self) -> u32 {
        (self.links.len() - 1) as u32
    }
}
