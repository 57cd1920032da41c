"""Writes tiny.json: what `transformers` makes of the tiny models.

    cargo run -p llm --example write_models -- tiny /tmp/tiny
    python tiny.py /tmp/tiny > tiny.json        (needs torch and transformers)
"""

import json
import pathlib
import sys

import torch
import transformers

NAMES = ["llama", "llama3", "mistral", "qwen2", "qwen3", "gemma3"]
PROMPT = [256] + [(7 * i * i + 13 * i + 65) % 256 for i in range(39)]
POSITIONS = [0, 5, 17, 39]
GREEDY = 12


def case(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        logits = model(torch.tensor([PROMPT])).logits[0]
        rows = {str(p): [round(x, 5) for x in logits[p].tolist()] for p in POSITIONS}
        ids, margins = list(PROMPT), []
        for _ in range(GREEDY):
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            margins.append(round((best.values[0] - best.values[1]).item(), 4))
            ids.append(best.indices[0].item())
    return {"logits": rows, "greedy_ids": ids[len(PROMPT):], "margins": margins}


def main():
    root = pathlib.Path(sys.argv[1])
    golden = {
        "reference": f"transformers {transformers.__version__}, F32, eager attention",
        "prompt_ids": PROMPT,
        "models": {name: case(root / name) for name in NAMES},
    }
    json.dump(golden, sys.stdout, separators=(",", ":"))


main()
