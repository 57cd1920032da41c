//! Generation engine: sequences, scheduler, paged key-value cache, sampler, models; no network.
