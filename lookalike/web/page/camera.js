// The camera: what it sees is shown live until a picture is taken or the visitor gives up.

const byId = (id) => document.getElementById(id);
let stream = null;

export function offerCamera(take, failed) {
  byId('camera').hidden = !(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  byId('camera').addEventListener('click', () => start().catch(failed));
  byId('cameras').addEventListener('change', () => start(byId('cameras').value).catch(failed));
  byId('cancel').addEventListener('click', stop);
  byId('shoot').addEventListener('click', () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [byId('video').videoWidth, byId('video').videoHeight];
    canvas.getContext('2d').drawImage(byId('video'), 0, 0);
    canvas.toBlob((blob) => take(new File([blob], 'camera.png', { type: 'image/png' })), 'image/png');
    stop();
  });
}

async function start(chosen) {
  release();
  const video = chosen ? { deviceId: { exact: chosen } } : { facingMode: 'environment' };
  stream = await navigator.mediaDevices.getUserMedia({ video });
  byId('video').srcObject = stream;
  seen(true);
  const all = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === 'videoinput');
  const used = stream.getVideoTracks()[0].getSettings().deviceId;
  byId('cameras').replaceChildren(...all.map(({ deviceId, label }, i) => new Option(label || `camera ${i + 1}`, deviceId, false, deviceId === used)));
  byId('cameras').hidden = all.length < 2;
  byId('shoot').focus();
}

function release() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
}

function stop() {
  release();
  seen(false);
  byId('camera').focus();
}

function seen(live) {
  for (const id of ['live', 'shoot', 'cancel']) byId(id).hidden = !live;
  byId('camera').hidden = live;
}
