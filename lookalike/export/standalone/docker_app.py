"""The page and its API in a container: GET / and POST /api/predict with a photo as the body or in a form."""

from predict import Classifier
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

MAX_BYTES = 20_000_000
classifier = Classifier()
about = {key: classifier.about.get(key) for key in ("name", "labels", "metrics", "threshold", "min_similarity")}


async def predict(request: Request) -> JSONResponse:
    """Name one photo; 413 when it is too large, 422 when it cannot be read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return JSONResponse({"reason": "too-many-bytes", "detail": f"at most {MAX_BYTES:,}"}, 413)
    try:
        return JSONResponse(await run_in_threadpool(classifier.classify, bytes(body)))
    except Exception as error:  # a damaged photo must not end in a server error
        return JSONResponse({"reason": "unreadable", "detail": type(error).__name__}, 422)


async def model(request: Request) -> JSONResponse:
    """The model's description: labels, input size, measured accuracy."""
    return JSONResponse(about)


async def health(request: Request) -> JSONResponse:
    """Answer 200 once the model is loaded, so that an orchestrator sends visitors only then."""
    return JSONResponse({"ok": True})


app = Starlette(
    routes=[
        Route("/api/predict", predict, methods=["POST"]),
        Route("/api/model", model),
        Route("/healthz", health),
        Mount("/", StaticFiles(directory="page", html=True)),
    ]
)
