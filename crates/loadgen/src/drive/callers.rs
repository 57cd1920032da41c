use std::{rc::Rc, sync::atomic::Ordering, time::Duration};

use super::{recorder::Due, sender::Shared};
use crate::{
    FailureKind, Random,
    client::{CallError, Called, Connection},
    clock::{now, sleep},
    request::{ChatMessage, Request},
};

/// Pause after a connection could not be made.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);

/// Someone who makes one request at a time.
pub(super) struct Caller {
    shared: Rc<Shared>,
    connection: Connection,
    random: Random,
}

impl Caller {
    pub(super) fn new(shared: Rc<Shared>, index: usize) -> Self {
        let workload = &shared.job.workload;
        let connection = Connection::new(workload.address, workload.protocol);
        let random = shared.random(index);
        Self { shared, connection, random }
    }

    /// Connects, so that the first request need not.
    pub(super) async fn connect(&mut self) -> Result<(), CallError> {
        self.connection.connect().await
    }

    /// Sends one of the workload's requests, or a request of the caller's own, and records what became
    /// of it. Returns the answer's text, if it is a generation.
    pub(super) async fn request(
        &mut self,
        (index, own): (usize, Option<&Request>),
        due: Option<Due>,
    ) -> Result<String, ()> {
        let shared = Rc::clone(&self.shared);
        let request = own.unwrap_or(&shared.job.workload.requests[index]);
        if own.is_none() {
            self.connection.prepare(index, request, &mut self.random);
        }
        let plan = &shared.job.plan;
        let sent = now();
        let explain = {
            let mut recorder = shared.recorder.borrow_mut();
            if due.is_none() {
                recorder.offer(sent);
            }
            recorder.explains(sent)
        };
        let call = tokio::time::timeout(plan.timeout, self.connection.call(request, explain));
        let called = call.await.unwrap_or_else(|_| {
            self.connection.close();
            let message = format!("no whole answer within {:?}", plan.timeout);
            Err(CallError::new(FailureKind::Timeout, message))
        });
        let end = now();
        let called = called.and_then(|called| self.verify(request, called));
        let mut recorder = shared.recorder.borrow_mut();
        match called {
            Ok(called) => {
                if explain {
                    recorder.explained(due, &called, end);
                }
                recorder.answered(due, &called, end, plan);
                Ok(called.generation.map(|generation| generation.text).unwrap_or_default())
            }
            Err(error) => {
                recorder.failed(due, sent, end, error);
                Err(())
            }
        }
    }

    fn verify(&mut self, request: &Request, called: Called) -> Result<Called, CallError> {
        let Some(expectation) = &request.expectation else { return Ok(called) };
        if !self.shared.recorder.borrow_mut().verifies(called.stamps.sent) {
            return Ok(called);
        }
        match expectation.check(self.connection.answer()) {
            Ok(()) => Ok(called),
            Err(what) => Err(CallError::new(FailureKind::WrongAnswer, what)),
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_ending.get() || self.shared.job.stop.load(Ordering::Relaxed)
    }

    /// Connects before time counts; a failure is recorded, followed by a pause.
    async fn ready(&mut self) -> bool {
        let before = now();
        let Err(error) = self.connect().await else { return true };
        self.shared.recorder.borrow_mut().offer(before);
        self.shared.recorder.borrow_mut().failed(None, before, now(), error);
        sleep(RECONNECT_PAUSE).await;
        false
    }
}

/// Sends the next request when the last one is answered.
pub(super) async fn closed_loop(shared: Rc<Shared>, index: usize) {
    let mut caller = Caller::new(Rc::clone(&shared), index);
    shared.begun().await;
    while !caller.is_over() {
        if caller.ready().await {
            let turn = shared.next_request();
            // What went wrong is recorded.
            let _ = caller.request((turn, None), None).await;
        }
    }
}

/// One user after another: each makes a number of requests on a connection of its own.
pub(super) async fn sessions(shared: Rc<Shared>, index: usize, (turns, think): (usize, Duration)) {
    let mut user = index * shared.job.plan.threads.get() + shared.job.index;
    let users = match shared.job.plan.load {
        crate::Load::Sessions { users, .. } => users,
        _ => 1,
    };
    shared.begun().await;
    loop {
        let mut caller = Caller::new(Rc::clone(&shared), index);
        session(&mut caller, user, (turns, think)).await;
        if caller.is_over() {
            return;
        }
        user += users;
    }
}

/// One user's requests. A conversation that fails is broken off, as its user would.
async fn session(caller: &mut Caller, user: usize, (turns, think): (usize, Duration)) {
    let mut history = Vec::new();
    for turn in 0..turns {
        if caller.is_over() || !caller.ready().await {
            return;
        }
        let shared = Rc::clone(&caller.shared);
        let own = conversation_turn(&shared, user, turn, &mut history);
        let index = (user * turns + turn) % shared.job.workload.requests.len().max(1);
        match caller.request((index, own.as_ref()), None).await {
            Ok(text) => history.push(ChatMessage { role: "assistant".to_owned(), content: text }),
            Err(()) => return,
        }
        if turn + 1 < turns {
            sleep(think).await;
        }
    }
}

/// The request of a conversation's turn, with everything that was said before; `None` if the workload
/// has no conversations.
fn conversation_turn(
    shared: &Shared,
    user: usize,
    turn: usize,
    history: &mut Vec<ChatMessage>,
) -> Option<Request> {
    let conversation = shared.job.workload.conversation.as_ref()?;
    let said = &conversation.users[user % conversation.users.len()];
    let content = said[turn % said.len()].clone();
    history.push(ChatMessage { role: "user".to_owned(), content });
    let mut request = conversation.request.clone();
    request.messages.extend_from_slice(history);
    request.build(shared.job.workload.protocol, &conversation.endpoint).ok()
}
