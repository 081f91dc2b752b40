"""The description of the server's API, for programs that read such."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike import __version__
from lookalike.bundle import answer
from lookalike.files import JsonObject
from lookalike.project.names import NEITHER
from lookalike.web.server import TOKEN_HEADER


def openapi(labels: Iterable[str], *, corrections: bool = False) -> dict[str, object]:
    """The description of the API at /openapi.json (OpenAPI 3.1)."""
    labels = list(labels)
    said: JsonObject = {
        "type": "object",
        "required": ["file", "label", "probability", "known", "ranked", "probabilities"],
        "properties": {
            "file": {"type": "string"},
            "label": {"enum": [*labels, NEITHER]},
            "probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "closest": {
                "enum": [*labels],
                "description": "when none fits well enough, with reason and detail",
            },
            "reason": {"enum": [*answer.DOUBTS]},
            "detail": {"type": "string"},
            "similarity": {"type": "number", "description": "to the photos learnt from, -1 to 1; not from every model"},
            "known": {"type": "boolean", "description": "false when the photo shows something else than the labels"},
            "ranked": {"type": "array", "items": {"enum": [*labels]}, "description": "best first"},
            "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            "model": {"type": "string"},
        },
    }
    own = ("label", "probability", "similarity", "known", "probabilities")
    box = {"type": "array", "items": {"type": "number"}, "description": "left, top, right, bottom in pixels"}
    face = {"type": "object", "properties": {"box": box, **{name: said["properties"][name] for name in own}}}
    said["properties"]["faces"] = {"type": "array", "items": face, "description": "only from models of people"}
    refusal = {"type": "object", "properties": {"reason": {"type": "string"}, "detail": {"type": "string"}}}
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"schema": {"type": "object", "required": ["photo"], "properties": {"photo": binary["schema"]}}}
    predict = {
        "summary": "Say what is on a photo",
        "requestBody": {"required": True, "content": {"multipart/form-data": form, "image/*": binary}},
        "responses": {
            "200": _reply("the answer", said),
            "400": _reply("not one photo", refusal),
            "413": {"description": "too many bytes"},
            "422": _reply("the photo cannot be read", refusal),
        },
    }
    about = {"summary": "What the model knows", "responses": {"200": _reply("the model", {"type": "object"})}}
    paths = {"/api/predict": {"post": predict}, "/api/model": {"get": about}}
    if corrections:
        paths |= _corrections([*labels, NEITHER], predict)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lookalike", "version": __version__},
        "paths": paths,
    }


def _corrections(labels: list[str], predict: JsonObject) -> dict[str, JsonObject]:
    """What keeps a photo with its label, and what takes that back."""
    token = {"name": TOKEN_HEADER, "in": "header", "required": True, "schema": {"type": "string"}}
    label = {"name": "label", "in": "query", "required": True, "schema": {"enum": labels}}
    name = {"name": "correction", "in": "query", "required": True, "schema": {"type": "string"}}
    kept = {"type": "object", "properties": {"correction": {"type": "string"}, "file": {"type": "string"}}}
    refused = {
        "400": {"description": "no such label or correction, or not one photo"},
        "403": {"description": "no token"},
    }
    unread = {code: predict["responses"][code] for code in ("413", "422")}
    busy = {"409": {"description": "another command works in the set"}}
    correct = {
        "summary": "Say what a photo shows, and have it kept to learn from", "parameters": [label, token],
        "requestBody": predict["requestBody"], "responses": {"200": _reply("kept", kept), **refused, **busy, **unread},
    }  # fmt: skip
    undo = {
        "summary": "Take a correction back", "parameters": [name, token],
        "responses": {"200": _reply("taken back", {"type": "object"}), **refused, **busy},
    }  # fmt: skip
    return {"/api/correct": {"post": correct}, "/api/undo": {"post": undo}}


def _reply(text: str, schema: JsonObject) -> dict[str, object]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
