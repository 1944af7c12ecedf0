"""Makers of tiny language models with random weights: real files, a few hundred kilobytes, made in a second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CORPUS = """The ferry to the island leaves at eight, and the last one comes back at six.
A baker in our street sells rye bread, plum cake and, on Fridays, onion tart.
She asked the mechanic whether the brakes were safe, and he said that they were.
He asked the nurse whether the wound was clean, and she said that it was.
Seven clocks stood in the hall; not one of them told the right time.
The capital of the province is small, old and proud of its bridge.
When it rains, the cellar floods, the cat complains and the neighbours lend us a pump.
Nobody knew who had painted the fence green, least of all the man with green hands.
"""
CHAT_TEMPLATE = """{% for message in messages %}<turn>{{ message['role'] }}: {{ message['content'] | trim }}<end>
{% endfor %}{% if add_generation_prompt %}<turn>assistant: {% endif %}"""
VOCABULARY = 384
CONTEXT = 128


def make_tiny_tokenizer(*, chat_template: str | None = CHAT_TEMPLATE) -> Any:
    """A byte-level BPE of VOCABULARY tokens, so that every text can be encoded; it adds no tokens of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<start>", "<end>", "<turn>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(CORPUS.splitlines(), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<start>", eos_token="<end>", additional_special_tokens=["<turn>"]
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def make_tiny_lm(folder: Path, *, seed: int = 0, chat_template: bool = True) -> Path:
    """Write a two-layer Llama with random weights as safetensors, with its tokenizer, and return the folder.

    The weights are large enough that the tokens' probabilities differ by orders of magnitude.
    """
    return save_tiny(
        folder, tiny_llama(seed), make_tiny_tokenizer(chat_template=CHAT_TEMPLATE if chat_template else None)
    )


def tiny_llama(seed: int = 0) -> Any:
    from transformers import LlamaConfig

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return tiny_network(LlamaConfig(**sizes, num_key_value_heads=2, **common_options()), seed)


def common_options() -> dict[str, Any]:
    """Options that every tiny network shares."""
    limits = {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT, "initializer_range": 0.3}
    return {**limits, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "tie_word_embeddings": False}


def tiny_network(config: Any, seed: int = 0) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config).eval()


def save_tiny(folder: Path, network: Any, tokenizer: Any) -> Path:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_gguf(file: Path, *, seed: int = 0) -> Path:
    """Write the network and the tokenizer of `make_tiny_lm` as a GGUF file of float32 weights, and return its path."""
    from gguf import GGUFWriter, TokenType

    network, tokenizer = tiny_llama(seed), make_tiny_tokenizer()
    config = network.config
    writer = GGUFWriter(file, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    control = set(tokenizer.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if token in control else TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, weights in network.state_dict().items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
        array = weights.numpy()
        if heads is not None:  # GGUF interleaves the two halves of every head
            array = array.reshape(heads, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(_gguf_name(name), array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _gguf_name(name: str) -> str:
    words = {
        "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers.": "blk.",
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    for ours, theirs in words.items():
        name = name.replace(ours, theirs)
    return name


WORDS = (
    "the", "a", "she", "he", "they", "it", "old", "young", "man", "woman", "said", "that", "was", "is", "in", "street",
    "bread", "blue", "black", "white", "lazy", "clever", "nurse", "doctor", "went", "home", "and", "ate", "apple",
    "##s", "##ed", "##ing", "un", "kind", "##ness", ".", ",", "?",
)  # fmt: skip


def make_tiny_bert(folder: Path, *, seed: int = 0) -> Path:
    """Write a two-layer BERT with random weights as safetensors, with an uncased WordPiece tokenizer."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{one}" for one in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys([*special, *WORDS, *letters]))}
    inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=64,
    )
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(
        **sizes, vocab_size=len(vocabulary), max_position_embeddings=64, initializer_range=0.3, pad_token_id=0
    )
    return save_tiny(folder, tiny_masked(config, seed), tokenizer)


def make_tiny_roberta(folder: Path, *, seed: int = 0) -> Path:
    """Write a two-layer RoBERTa with random weights as safetensors, with a byte-level tokenizer."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, RobertaConfig

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(CORPUS.splitlines(), trainer)
    inner.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        mask_token="<mask>", cls_token="<s>", sep_token="</s>", model_max_length=126,
    )
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = RobertaConfig(
        **sizes, vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, initializer_range=0.3, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, type_vocab_size=1,
    )
    return save_tiny(folder, tiny_masked(config, seed), tokenizer)


def tiny_masked(config: Any, seed: int = 0) -> Any:
    import torch
    from transformers import AutoModelForMaskedLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForMaskedLM.from_config(config).eval()


def make_tiny_text_classifier(folder: Path, classes: Sequence[str]) -> tuple[Any, Any]:
    """Write a BERT with random weights that classifies texts of `WORDS`; returns it with its tokenizer."""
    return _tiny_head(folder, classes, "BertForSequenceClassification")


def make_tiny_verifier(folder: Path, labels: Sequence[str], *, tokens: bool = False) -> tuple[Any, Any]:
    """Write a BERT with random weights that judges pairs of texts of `WORDS`, or each of their tokens."""
    return _tiny_head(folder, labels, f"BertFor{'Token' if tokens else 'Sequence'}Classification")


def _tiny_head(folder: Path, labels: Sequence[str], kind: str) -> tuple[Any, Any]:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(make_tiny_bert(folder))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = getattr(transformers, kind)(transformers.BertConfig(
            **sizes, vocab_size=len(tokenizer), max_position_embeddings=64, initializer_range=0.5, pad_token_id=0,
            id2label=dict(enumerate(labels)),
        )).eval()  # fmt: skip
    network.save_pretrained(folder)
    return network, tokenizer
