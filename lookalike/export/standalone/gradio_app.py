from pathlib import Path

import gradio
from predict import Classifier, said

classifier = Classifier()
SAMPLES = sorted(map(str, Path("samples").glob("*.jpg")), key=lambda name: (len(name), name))


def classify(photo: str | None) -> dict[str, float] | str:
    """Probabilities by label for a photo file; when it is none of them well enough, words and no number."""
    if photo is None:
        return {}
    answer = classifier.classify(photo)
    return answer["probabilities"] if answer["known"] else said(answer)


app = gradio.Interface(
    classify,
    gradio.Image(type="filepath", image_mode=None, label="Photo"),  # the file itself, not a re-encoded copy
    gradio.Label(num_top_classes=5, label="It is"),
    title=classifier.about["name"],
    examples=SAMPLES or None,
    cache_examples=False,
    flagging_mode="never",
)

if __name__ == "__main__":
    app.launch()
