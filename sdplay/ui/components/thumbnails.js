export default function ({data}) {
  window.sdplayThumbnails ??= new Map();
  const store = window.sdplayThumbnails;
  for (const [id, jpeg] of Object.entries(data.pictures))
    store.set(id, `data:image/jpeg;base64,${jpeg}`);
  window.dispatchEvent(new Event("sdplay-thumbnails"));
}
