// Owns whether the page is light or dark: as the system says, unless somebody has chosen.

import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
const STORE = "ferrum-studio-theme";

export const theme = signal<Theme>(stored());

export function nextTheme(): void {
  theme.value = theme.value === "auto" ? "light" : theme.value === "light" ? "dark" : "auto";
}

effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem(STORE, theme.value);
  } catch {
    // A browser that keeps nothing shows what its system says.
  }
});

function stored(): Theme {
  try {
    const value = localStorage.getItem(STORE);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto";
  }
}
