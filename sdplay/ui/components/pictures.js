// Pictures at their full size, beside the thumbnails; the oldest make room.
const MOST = 160;
export default function ({data}) {
  window.sdplayPictures ??= new Map();
  const store = window.sdplayPictures;
  for (const [id, address] of Object.entries(data.pictures)) store.set(id, address);
  while (store.size > MOST) store.delete(store.keys().next().value);
  window.dispatchEvent(new Event("sdplay-pictures"));
}
