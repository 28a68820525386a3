// Owns the beginning: styles, keys, and the first drawing.

import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/frame.css";
import { listenToKeys } from "./app/commands.ts";
import { start } from "./app/live.ts";
import { openPalette } from "./app/palette.tsx";
import { followAddress } from "./app/router.ts";
import { openHelp, Shell } from "./app/shell.tsx";

const root = document.getElementById("app");
if (!root) throw new Error("index.html has an element for the page");
render(<Shell />, root);
followAddress();
listenToKeys(openPalette, openHelp);
void start();
