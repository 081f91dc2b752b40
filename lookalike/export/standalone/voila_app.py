import io
from functools import partial
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display
from predict import Classifier, said, upright

classifier = Classifier()
upload = widgets.FileUpload(accept="image/*", multiple=False, description="Choose a photo")
button = widgets.Button(description="Classify", button_style="primary")
thumbnail = widgets.Image(format="jpeg", layout=widgets.Layout(max_width="320px", visibility="hidden"))
label = widgets.HTML("Choose a photo, then press Classify.")
bars = widgets.VBox()


def show(_: object = None) -> None:
    """Show the chosen photo, small."""
    if not upload.value:
        return
    label.value = ""
    bars.children = ()
    preview(bytes(upload.value[-1]["content"]))


def preview(photo: bytes) -> None:
    """Show a photo, small."""
    try:
        small = upright(photo)
        small.thumbnail((320, 320))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG")
    except Exception as error:  # whatever is wrong with a visitor's file, the page must say so and go on
        label.value = f"This cannot be read as a photo ({type(error).__name__})."
        thumbnail.layout.visibility = "hidden"
        return
    thumbnail.value = buffer.getvalue()
    thumbnail.layout.visibility = "visible"


def classify(_: object = None) -> None:
    """Name the chosen photo."""
    if not upload.value:
        label.value = "Choose a photo first."
        return
    try_it(bytes(upload.value[-1]["content"]))


def tell(photo: bytes) -> None:
    """Say what is on a photo."""
    try:
        answer = classifier.classify(photo)
    except Exception as error:
        label.value = f"This cannot be read as a photo ({type(error).__name__})."
        return
    label.value = f"<h2>{escaped(said(answer))}</h2>"
    shown = answer["ranked"][:8] if answer["known"] else []
    bars.children = tuple(bar(name, answer["probabilities"][name]) for name in shown)


def sample(path: Path) -> widgets.VBox:
    """A photo to try, over the button that does."""
    photo = path.read_bytes()
    button = widgets.Button(description=path.stem, layout=widgets.Layout(width="120px"))
    button.on_click(partial(try_it, photo))
    return widgets.VBox([widgets.Image(value=photo, layout=widgets.Layout(width="120px")), button])


def try_it(photo: bytes, _: object = None) -> None:
    """Show a photo and say what is on it."""
    preview(photo)
    tell(photo)


def bar(name: str, p: float) -> widgets.FloatProgress:
    """One label with its probability."""
    style = {"description_width": "12em"}
    return widgets.FloatProgress(value=p, max=1.0, description=f"{name} {p:.1%}", style=style)


def escaped(text: str) -> str:
    """A label as text, never as HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


upload.observe(show, names="value")
button.on_click(classify)
files = sorted(Path("samples").glob("*.jpg"), key=lambda path: (len(path.name), path.name))
samples = widgets.HBox([sample(path) for path in files], layout=widgets.Layout(flex_flow="row wrap"))
display(widgets.VBox([widgets.HBox([upload, button]), samples, thumbnail, label, bars]))
