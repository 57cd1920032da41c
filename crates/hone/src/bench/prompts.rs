//! Requests to OpenAI's API: prompts from files, or random ones of a length that the server confirms.

use anyhow::{Result, bail, ensure};
use loadgen::{
    ChatMessage, OpenAiRequest, PromptLengths, PromptRecord, Protocol, Request, Subject, Trace,
    Vocabulary, read_prompts,
};
use serde_json::{Map, Value, json};

use super::{
    args::BenchArgs,
    subject::{conversation, only},
};

/// Different random prompts; they take turns.
const PROMPTS: usize = 512;

/// Tries to meet a number of tokens.
const CALIBRATIONS_MAX: usize = 6;

/// Model, requests and conversations.
pub(super) fn fill(
    subject: &mut Subject,
    args: &BenchArgs,
    wanted: Option<&str>,
    replay: Option<&Trace>,
) -> Result<()> {
    subject.model = match wanted {
        Some(model) => model.to_owned(),
        None => only(&subject.target.openai_models()?, "-m NAME")?,
    };
    let records = match (&args.data.input, replay) {
        (Some(input), _) => read_prompts(input)?,
        (None, Some(trace)) => recorded(subject, args, trace)?,
        (None, None) => random(subject, args)?,
    };
    let base = base(subject, args);
    let endpoint = &subject.target.endpoint;
    let request = |record: &PromptRecord| -> Result<Request> {
        let output_tokens = record.output_tokens.or(base.output_tokens);
        let messages = record.messages.clone();
        let request = OpenAiRequest { messages, output_tokens, ..base.clone() };
        Ok(request.build(subject.workload.protocol, endpoint)?)
    };
    subject.workload.requests = records.iter().map(request).collect::<Result<_>>()?;
    if args.load.sessions.is_some() {
        let is_chat = subject.workload.protocol == Protocol::OpenAiChat;
        ensure!(is_chat, "--sessions over OpenAI's API are conversations: --protocol openai-chat");
        let users = records.iter().map(|record| turns(record, args.load.turns)).collect();
        subject.workload.conversation = Some(conversation(base, subject, users));
    }
    Ok(())
}

/// What all requests have in common.
fn base(subject: &Subject, args: &BenchArgs) -> OpenAiRequest {
    OpenAiRequest {
        model: subject.model.clone(),
        messages: Vec::new(),
        output_tokens: Some(args.data.output_tokens),
        stream: !args.data.no_stream,
        extra: args.data.extra.as_ref().map_or_else(Map::new, |extra| extra.0.clone()),
    }
}

/// What a user says, turn by turn. Random prompts repeat with what they are about.
fn turns(record: &PromptRecord, turns: usize) -> Vec<String> {
    let first = record.messages.iter().map(|message| message.content.clone());
    let said: Vec<String> = first.chain(record.later_turns.iter().cloned()).collect();
    said.iter().cycle().take(turns.max(1)).cloned().collect()
}

fn single(prompt: String) -> PromptRecord {
    let message = ChatMessage { role: "user".to_owned(), content: prompt };
    PromptRecord { messages: vec![message], ..PromptRecord::default() }
}

/// Random prompts of the wanted number of tokens.
fn random(subject: &Subject, args: &BenchArgs) -> Result<Vec<PromptRecord>> {
    let words = words(subject, args, args.data.prompt_tokens)?;
    let shared = usize::try_from(args.data.shared_prefix_tokens).unwrap_or(usize::MAX);
    let lengths = PromptLengths { words, shared_words: shared.min(words) };
    let mut vocabulary = Vocabulary::new(args.load.seed);
    Ok((0..PROMPTS).map(|_| single(vocabulary.prompt(lengths))).collect())
}

/// Prompts of the trace's lengths, or its own where it has them.
fn recorded(subject: &Subject, args: &BenchArgs, trace: &Trace) -> Result<Vec<PromptRecord>> {
    let overhead = overhead(subject, args)?;
    let mut vocabulary = Vocabulary::new(args.load.seed);
    let mut records = Vec::with_capacity(trace.times.len());
    for (document, (input, output)) in trace.documents.iter().zip(&trace.lengths) {
        let own = loadgen::prompt_of(document);
        let tokens = input.unwrap_or(args.data.prompt_tokens).saturating_sub(overhead);
        let words = usize::try_from(tokens).unwrap_or(usize::MAX).max(1);
        let random = || single(vocabulary.prompt(PromptLengths { words, shared_words: 0 }));
        let mut record = own.unwrap_or_else(random);
        record.output_tokens = record.output_tokens.or(*output);
        records.push(record);
    }
    Ok(records)
}

/// Tokens that the server's template and its start add to a prompt.
fn overhead(subject: &Subject, args: &BenchArgs) -> Result<u64> {
    let words = 32;
    Ok(count(subject, args, words)?.saturating_sub(words as u64))
}

/// Words that make a prompt of so many tokens, as the server counts them.
fn words(subject: &Subject, args: &BenchArgs, wanted: u64) -> Result<usize> {
    let mut words = usize::try_from(wanted)?;
    let mut counted = 0;
    for _ in 0..CALIBRATIONS_MAX {
        counted = count(subject, args, words)?;
        if counted == wanted {
            return Ok(words);
        }
        let difference = i64::try_from(wanted)? - i64::try_from(counted)?;
        let next = i64::try_from(words)? + difference;
        if next < 1 {
            bail!(
                "--prompt-tokens {wanted} is less than what the server's template adds; a prompt of \
                 {words} words has {counted} tokens"
            );
        }
        words = usize::try_from(next)?;
    }
    bail!(
        "no prompt of {wanted} tokens was found ({words} words have {counted}); give prompts with \
         --input"
    )
}

fn count(subject: &Subject, args: &BenchArgs, words: usize) -> Result<u64> {
    let mut vocabulary = Vocabulary::new(args.load.seed ^ 0x5eed);
    let prompt = vocabulary.prompt(PromptLengths { words, shared_words: 0 });
    let mut body = match subject.workload.protocol {
        Protocol::OpenAiEmbeddings => json!({"input": prompt}),
        Protocol::OpenAiCompletions => json!({"prompt": prompt, "max_tokens": 1}),
        _ => json!({"messages": [{"role": "user", "content": prompt}], "max_tokens": 1}),
    };
    body["model"] = Value::from(&*subject.model);
    let path = match subject.workload.protocol {
        Protocol::OpenAiEmbeddings => "/v1/embeddings",
        Protocol::OpenAiCompletions => "/v1/completions",
        _ => "/v1/chat/completions",
    };
    Ok(subject.target.prompt_tokens(path, &body)?)
}
