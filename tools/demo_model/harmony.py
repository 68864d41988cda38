"""Conversations as the node renders them (src/harmony/render.cpp; openai/harmony src/encoding.rs), with a loss
weight for every token: what the model must learn to say weighs 1, what it only reads weighs little or nothing."""
import json
from dataclasses import dataclass, field, replace

READ, SAID, HEADER = 0.05, 1.0, 0.0  # prompt text / the model's own words / headers of dropped-analysis history


@dataclass
class Turn:
    """A user message and what follows it: steps are (kind, text) or (kind, function, text) with the kinds
    analysis, final, call (function and JSON arguments) and result (function and raw output)."""
    user: str
    steps: list
    tools: list = field(default_factory=list)     # [{"name", "description", "parameters"}]
    instructions: str = ""
    task: str = ""

    def final(self):
        return self.steps[-1][1]


@dataclass
class Chat:
    turns: list
    effort: str = "medium"
    date: str = ""
    cutoff: str = "2024-06"
    instructions: str = ""
    tools: list = field(default_factory=list)
    response_format: tuple = ()  # name, description, JSON schema
    with_system: bool = True


def literal(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def typescript_type(schema, indent):
    kind = schema.get("type")
    if kind == "object":
        return typescript_object(schema, indent)
    if kind == "string":
        if schema.get("enum"):
            return " | ".join(f'"{value}"' for value in schema["enum"] if isinstance(value, str))
        return "string"
    if kind in ("number", "integer"):
        return "number"
    if kind == "boolean":
        return "boolean"
    if kind == "array":
        return typescript_type(schema["items"], indent) + "[]" if "items" in schema else "Array<any>"
    return "any"


def typescript_object(schema, indent=""):
    lines, required = ["{"], schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        if "description" in value:
            lines.append(f"{indent}// {value['description']}")
        kind = typescript_type(value, indent + "    ")
        line = f"{indent}{name}{'' if name in required else '?'}: {kind},"
        if "default" in value:
            default = value["default"]
            bare = isinstance(default, str) and value.get("enum")
            line += f" // default: {default if bare else literal(default)}"
        lines.append(line)
    return "\n".join(lines) + f"\n{indent}}}"


def tools_text(tools):
    lines = ["## functions\n", "namespace functions {\n"]
    for tool in tools:
        lines += [f"// {line}" for line in tool.get("description", "").splitlines()]
        if tool.get("parameters") is None:
            lines.append(f"type {tool['name']} = () => any;\n")
        else:
            lines.append(f"type {tool['name']} = (_: {typescript_object(tool['parameters'])}) => any;\n")
    return "# Tools\n\n" + "\n".join(lines) + "\n} // namespace functions"


def system_text(chat):
    about = ["You are ChatGPT, a large language model trained by OpenAI."]
    if chat.cutoff:
        about.append(f"Knowledge cutoff: {chat.cutoff}")
    if chat.date:
        about.append(f"Current date: {chat.date}")
    channels = "# Valid channels: analysis, commentary, final. Channel must be included for every message."
    if chat.tools:
        channels += "\nCalls to these tools must go to the commentary channel: 'functions'."
    return "\n\n".join(["\n".join(about), f"Reasoning: {chat.effort}", channels])


def developer_text(chat):
    sections = []
    if chat.instructions:
        sections.append("# Instructions\n\n" + chat.instructions)
    if chat.tools:
        sections.append(tools_text(chat.tools))
    if chat.response_format:
        name, description, schema = chat.response_format
        about = "".join(f"\n// {line}" for line in description.splitlines())
        sections.append(f"# Response Formats\n\n## {name}\n{about}\n{literal(schema)}")
    return "\n\n".join(sections)


class Renderer:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.parts = {}

    def text(self, ids, weights, text, weight):
        new = self.tokenizer.encode(text)
        ids += new
        weights += [weight] * len(new)

    def mark(self, ids, weights, marker, weight):
        ids.append(self.tokenizer.special[marker])
        weights.append(weight)

    def message(self, ids, weights, header, content, terminator, header_weight, weight, first_weight=None):
        """header is a list of texts and markers between <|start|> and <|message|>. <|start|> and the role after it
        are forced in the first message of a completion (they are the generation prefix): first_weight."""
        first = header_weight if first_weight is None else first_weight
        self.mark(ids, weights, "<|start|>", first)
        self.text(ids, weights, header[0], first)
        for part in header[1:]:
            (self.mark if part.startswith("<|") else self.text)(ids, weights, part, header_weight)
        self.mark(ids, weights, "<|message|>", header_weight)
        self.text(ids, weights, content, weight)
        self.mark(ids, weights, terminator, header_weight)

    def step(self, ids, weights, step, last_turn, forced):
        """forced: the generation prefix stands here, so the model does not choose <|start|>assistant itself."""
        header = SAID if last_turn else HEADER
        first = HEADER if forced else header
        if step[0] == "analysis":
            self.message(ids, weights, ["assistant", "<|channel|>", "analysis"], step[1], "<|end|>", header, SAID, first)
        elif step[0] == "final":
            self.message(ids, weights, ["assistant", "<|channel|>", "final"], step[1],
                         "<|return|>" if last_turn else "<|end|>", header, SAID, first)
        elif step[0] == "call":
            self.message(ids, weights, ["assistant", f" to=functions.{step[1]}", "<|channel|>", "commentary", " ",
                                        "<|constrain|>", "json"], step[2], "<|call|>", header, SAID, first)
        else:
            self.message(ids, weights, [f"functions.{step[1]}", " to=assistant", "<|channel|>", "commentary"], step[2],
                         "<|end|>", READ, READ)

    def render(self, chat):
        """-> token ids, weights. Analysis of all turns but the last is dropped, as the node drops it."""
        ids, weights = [], []
        if chat.with_system:
            self.message(ids, weights, ["system"], system_text(chat), "<|end|>", HEADER, HEADER)
        developer = developer_text(chat)
        if developer:
            self.message(ids, weights, ["developer"], developer, "<|end|>", HEADER, READ)
        for number, turn in enumerate(chat.turns):
            last_turn = number == len(chat.turns) - 1
            self.message(ids, weights, ["user"], turn.user, "<|end|>", HEADER, READ)
            forced = True
            for step in turn.steps:
                if step[0] == "analysis" and not last_turn:
                    continue
                self.step(ids, weights, step, last_turn, forced)
                forced = step[0] == "result"
        return ids, weights

    def prompt(self, chat, steps_done=0):
        """Token ids up to and including <|start|>assistant, with the first steps_done steps of the last turn."""
        *before, last = chat.turns
        cut = Turn(last.user, last.steps[:steps_done])
        ids, _ = self.render(replace(chat, turns=before + [cut]))
        return ids + [self.tokenizer.special["<|start|>"]] + self.tokenizer.encode("assistant")
