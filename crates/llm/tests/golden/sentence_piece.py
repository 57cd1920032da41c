"""Writes sentence_piece.json: a small SentencePiece vocabulary, and what the library makes of texts.

    python sentence_piece.py TEXT_FILE... > sentence_piece.json        (needs sentencepiece)
"""

import io
import json
import sys

import sentencepiece

TEXTS = [
    "the models", " the models", "Hello, world!\n\nTwo  spaces   three", "a", " ", "  ", "\n", "",
    "naïve café — 你好 🦀", "aaaaaaaaaaaaaaaa", "1234567890", "tokenizer.encode(text)", "\t\ttabs\t",
    "▁ literal", "request requests requested requesting",
]


def main():
    lines = [line.rstrip("\n") for path in sys.argv[1:] for line in open(path, encoding="utf-8")]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=800,
        byte_fallback=True, split_digits=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, minloglevel=2,
    )
    library = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(library.vocab_size())

    def kind(i):
        return 2 if library.is_unknown(i) else 3 if library.is_control(i) else 6 if library.is_byte(i) else 1

    json.dump({
        "tokens": [library.id_to_piece(i) for i in ids],
        "scores": [library.get_score(i) for i in ids],
        "kinds": [kind(i) for i in ids],
        "cases": [[text, library.encode(text)] for text in TEXTS],
    }, sys.stdout, ensure_ascii=False, separators=(",", ":"))


main()
