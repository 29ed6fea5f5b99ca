// Keeps the page as it is in the store, without disturbing what the reader does.
export {};
