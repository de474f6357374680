const NAME = "sdplay_lessons";
export default function ({data, setTriggerValue}) {
  try {
    if (!data.read) setTriggerValue("record", localStorage.getItem(NAME) || "{}");
    else if (data.text) localStorage.setItem(NAME, data.text);
    else localStorage.removeItem(NAME);
  } catch {
    // A browser that keeps nothing: the lessons work, and forget.
    if (!data.read) setTriggerValue("record", "{}");
  }
}
