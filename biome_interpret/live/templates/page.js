"use strict";
(() => {
{% include "format.js" %}

byId("ask").addEventListener("click", async () => {
  const inputs = JSON.parse(byId("inputs").value);
  const explanations = [{ interpreter: "biome-integrated-gradient", options: { granularity: "word" } }];
  const answered = await fetch("api/explain", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ inputs, explanations }),
  });
  byId("answer").textContent = JSON.stringify(await answered.json(), null, 2);
});
})();
