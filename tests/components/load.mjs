// A component's script as the browser gets it: its text, and nothing else.
import {readFileSync} from "node:fs";

const FOLDER = new URL("../../sdplay/ui/components/", import.meta.url);

export const load = name => {
  const text = readFileSync(new URL(`${name}.js`, FOLDER), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
};
