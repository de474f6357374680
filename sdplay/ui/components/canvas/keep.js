// The drawing in the browser's own storage, so that a reload finds it.  Without storage, as in a
// private window, it lives as long as the page.
const STORE = "drawings";
const MEMORY = new Map();

const answered = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const opened = () => {
  const request = indexedDB.open("sdplay", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answered(request);
};
let database;
const store = async mode => {
  database ??= opened();
  return (await database).transaction(STORE, mode).objectStore(STORE);
};

export const remembered = async name => {
  if (MEMORY.has(name)) return MEMORY.get(name);
  try {
    return await answered((await store("readonly")).get(name));
  } catch {
    return undefined;
  }
};
export const remember = async (name, value) => {
  MEMORY.set(name, value);
  try {
    await answered((await store("readwrite")).put(value, name));
  } catch {
    // No storage, or none left: the page's own memory holds it.
  }
};
