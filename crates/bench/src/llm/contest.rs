//! The course of a run: round after round, part after part, subject after subject; only one of them
//! works at a time, and every other round goes through them backwards.

use std::time::Duration;

use anyhow::{Context, Result};
use loadgen::ProcessTree;

use super::{
    LlmArgs, Part, batched,
    board::{Better, Board, Place},
    disturbance, exactness,
    goals::{ABOVE_MB, READY_S, RESIDENT_MB},
    http_load::{self, HttpLoad, SHARED_TOKENS},
    limits::Limits,
    prompts::Prompts,
    subject::{Places, Server, Slots, Subject},
};
use crate::{clock, report};

/// What llama.cpp's server has to hold: as many requests as are ever sent at a time, of the longest.
const SLOTS: Slots = Slots { requests: 32, tokens: 1024 };

/// Requests of a load at most; with few at a time two for each of them.
const REQUESTS_MAX: usize = 48;

/// How long a server that is ready is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);

/// Chunks of the text for perplexity in a quick run.
const QUICK_CHUNKS: usize = 6;

/// A run on its way.
pub(super) struct Contest<'a> {
    arguments: &'a LlmArgs,
    places: Places,
    limits: Limits,
    board: &'a mut Board,
}

impl<'a> Contest<'a> {
    /// Nothing measured yet.
    pub(super) fn new(
        arguments: &'a LlmArgs,
        places: Places,
        limits: Limits,
        board: &'a mut Board,
    ) -> Self {
        Self { arguments, places, limits, board }
    }

    /// Measures everything that there is time for; what fails is written down.
    pub(super) async fn run(&mut self) {
        let mut servers = self.start().await;
        let prompts = self.prompts(&servers).await;
        for round in 0..self.arguments.rounds() {
            report::progress(&format!("round {}", round + 1));
            for part in self.arguments.parts() {
                report::progress(part.title());
                self.part(part, round, (&servers, prompts.as_ref())).await;
            }
            servers.retain(|server| takes_part(server.subject, round + 1));
        }
    }

    async fn start(&mut self) -> Vec<Server> {
        let mut servers = Vec::new();
        if self.arguments.parts().iter().all(|part| matches!(part, Part::Engine | Part::Billion)) {
            return servers;
        }
        for subject in self.arguments.servers() {
            report::progress(&format!("starting {}", subject.title()));
            match Server::start(subject, &self.places, SLOTS, &self.limits).await {
                Ok(server) => {
                    self.life(&server, 0);
                    servers.push(server);
                }
                Err(error) => self.board.leave_out(&format!("{error:#}")),
            }
        }
        servers
    }

    /// The text's tokens, as the first server that tells them has them: all have the same tokenizer.
    async fn prompts(&mut self, servers: &[Server]) -> Option<Prompts> {
        let text = std::fs::read_to_string(&self.places.text);
        let text = text.map_err(|error| self.board.leave_out(&format!("no text: {error}"))).ok()?;
        for server in servers {
            match server.tokens(&text, &self.limits).await {
                Ok(tokens) => {
                    let prompts = Prompts::new(tokens, self.arguments.seed);
                    return prompts.map_err(|error| self.board.leave_out(&error.to_string())).ok();
                }
                Err(error) => {
                    let title = server.subject.title();
                    self.board.leave_out(&format!("{title} does not tokenize: {error:#}"));
                }
            }
        }
        None
    }

    async fn part(
        &mut self,
        part: Part,
        round: usize,
        (servers, prompts): (&[Server], Option<&Prompts>),
    ) {
        match part {
            Part::Engine => self.engines(round),
            Part::Billion => self.billion(round),
            // Measured once, when the servers start, and once more in every other round.
            Part::Life if round == 0 => {}
            Part::Life => self.lives(round).await,
            // The same every time.
            Part::Exactness if round > 0 => {}
            Part::Http | Part::Prefix | Part::Disturbance | Part::Exactness => {
                let Some(prompts) = prompts else { return };
                for server in in_turn(servers, round) {
                    let measured = self.server(part, (server, prompts), round).await;
                    self.note(part, server.subject, measured);
                }
                if part == Part::Exactness {
                    self.llama_cpp_exactness();
                }
            }
        }
    }

    fn engines(&mut self, round: usize) {
        let engines = self.arguments.engines();
        for subject in in_turn(&engines, round).filter(|subject| takes_part(**subject, round)) {
            let place = Place { part: Part::Engine, subject: subject.title(), round };
            let measured = self.is_there(*subject).and_then(|()| {
                batched::engine(self.board, place, (*subject, &self.places), &self.limits)
            });
            self.note(Part::Engine, *subject, measured);
        }
    }

    /// One of llama.cpp's is enough: the file is the same.
    fn billion(&mut self, round: usize) {
        let peer = self.arguments.engines().into_iter().find(|subject| subject.is_llama_cpp());
        let hone = (!self.arguments.no_hone).then_some(Subject::Hone);
        let subjects: Vec<_> = hone.into_iter().chain(peer).collect();
        for subject in in_turn(&subjects, round) {
            let title = if *subject == Subject::Hone { "Hone Q4_0" } else { "llama.cpp Q4_0" };
            let place = Place { part: Part::Billion, subject: title, round };
            let measured = self.is_there(*subject).and_then(|()| {
                batched::billion(self.board, place, (*subject, &self.places), &self.limits)
            });
            self.note(Part::Billion, *subject, measured);
        }
    }

    fn is_there(&self, subject: Subject) -> Result<()> {
        subject.missing(&self.places).map_or(Ok(()), |missing| Err(anyhow::anyhow!(missing)))
    }

    async fn server(
        &mut self,
        part: Part,
        (server, prompts): (&Server, &Prompts),
        round: usize,
    ) -> Result<()> {
        let place = Place { part, subject: server.subject.title(), round };
        match part {
            Part::Http => self.loads(place, (server, prompts), 0).await,
            Part::Prefix => self.loads(place, (server, prompts), SHARED_TOKENS).await,
            Part::Disturbance => self.disturbance(place, (server, prompts)).await,
            Part::Exactness if server.subject.is_llama_cpp() => Ok(()),
            Part::Exactness => {
                let chunks = self.chunks();
                exactness::of_server(self.board, place, (server, prompts), chunks, &self.limits)
                    .await
            }
            Part::Engine | Part::Billion | Part::Life => Ok(()),
        }
    }

    async fn loads(
        &mut self,
        place: Place<'_>,
        (server, prompts): (&Server, &Prompts),
        shared_tokens: usize,
    ) -> Result<()> {
        for concurrency in self.arguments.concurrency() {
            // A long prompt each: one of them for each caller is enough.
            let each = if shared_tokens > 0 { 1 } else { 2 };
            let requests = (concurrency * each).clamp(2, REQUESTS_MAX.max(concurrency));
            let load = HttpLoad { concurrency, requests, shared_tokens };
            http_load::measure(self.board, place, (server, load), prompts, &self.limits).await?;
        }
        Ok(())
    }

    /// llama.cpp's server needs other slots for this, so it is started anew.
    async fn disturbance(
        &mut self,
        place: Place<'_>,
        (server, prompts): (&Server, &Prompts),
    ) -> Result<()> {
        if !server.subject.is_llama_cpp() {
            return disturbance::measure(self.board, place, server, prompts, &self.limits).await;
        }
        let own =
            Server::start(server.subject, &self.places, disturbance::SLOTS, &self.limits).await?;
        disturbance::measure(self.board, place, &own, prompts, &self.limits).await
    }

    fn llama_cpp_exactness(&mut self) {
        let engines = self.arguments.engines();
        let asked =
            |subject: &Subject| matches!(subject, Subject::LlamaCppQ41 | Subject::LlamaCppQ40);
        for subject in engines.into_iter().filter(asked) {
            let place = Place { part: Part::Exactness, subject: subject.title(), round: 0 };
            let chunks = self.chunks();
            let measured = self.is_there(subject).and_then(|()| {
                exactness::of_llama_cpp(
                    self.board,
                    place,
                    (subject, &self.places),
                    chunks,
                    &self.limits,
                )
            });
            self.note(Part::Exactness, subject, measured);
        }
    }

    fn chunks(&self) -> Option<usize> {
        self.arguments.quick.then_some(QUICK_CHUNKS)
    }

    async fn lives(&mut self, round: usize) {
        let subjects = self.arguments.servers();
        for subject in in_turn(&subjects, round).filter(|subject| takes_part(**subject, round)) {
            if subject.missing(&self.places).is_some() {
                continue;
            }
            match Server::start(*subject, &self.places, SLOTS, &self.limits).await {
                Ok(server) => self.life(&server, round),
                Err(error) => self.note(Part::Life, *subject, Err(error)),
            }
        }
    }

    /// Start and memory of a server that has just become ready.
    fn life(&mut self, server: &Server, round: usize) {
        let place = Place { part: Part::Life, subject: server.subject.title(), round };
        clock::pause(SETTLE);
        let resident = ProcessTree(server.process.id()).resident_bytes() as f64;
        let mut add = |what: &str, value| self.board.add(place, what, Better::Lower, value);
        add(READY_S, server.start_to_ready.as_secs_f64());
        add(RESIDENT_MB, resident / 1e6);
        let weights = std::fs::metadata(server.subject.weights(&self.places));
        if let Some(weights) = weights.ok().filter(std::fs::Metadata::is_file) {
            add(ABOVE_MB, (resident - weights.len() as f64) / 1e6);
        }
        self.board.made(place, server.command.clone());
    }

    fn note(&mut self, part: Part, subject: Subject, measured: Result<()>) {
        let what = || format!("{}, {}", subject.title(), part.title());
        if let Err(error) = measured.with_context(what) {
            self.board.leave_out(&format!("{error:#}"));
        }
    }
}

/// Everybody in the first round; after it those that are ahead, and what starts within seconds.
fn takes_part(subject: Subject, round: usize) -> bool {
    let ahead = [Subject::Hone, Subject::HoneQ40, Subject::LlamaCppQ41, Subject::LlamaCppQ40];
    round == 0 || ahead.contains(&subject)
}

/// Forwards in even rounds, backwards in odd ones: a machine that becomes slower favours nobody.
fn in_turn<T>(subjects: &[T], round: usize) -> impl Iterator<Item = &T> {
    let count = subjects.len();
    let backwards = round % 2 == 1;
    (0..count).map(move |turn| &subjects[if backwards { count - 1 - turn } else { turn }])
}
