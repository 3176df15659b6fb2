import "./early";

import("./page").catch(() => {
  const place = document.getElementById("app");
  if (place) place.textContent = "The page could not be loaded whole: load it again.";
});
