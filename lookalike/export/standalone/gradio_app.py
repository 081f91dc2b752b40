import gradio
from predict import Classifier

classifier = Classifier()


def classify(photo: str | None) -> dict[str, float]:
    """Probabilities by label for a photo file; when none is likely enough, "neither" comes first."""
    if photo is None:
        return {}
    answer = classifier.classify(photo)
    return answer["probabilities"] if answer["known"] else {"neither": 1.0}


app = gradio.Interface(
    classify,
    gradio.Image(type="filepath", image_mode=None, label="Photo"),  # the file itself, not a re-encoded copy
    gradio.Label(num_top_classes=5, label="It is"),
    title=classifier.about["name"],
    flagging_mode="never",
)

if __name__ == "__main__":
    app.launch()
