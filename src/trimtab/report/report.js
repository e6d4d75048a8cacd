"use strict";
(function () {
  const options = { responsive: true, displaylogo: false, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

  function trouble(words) {
    const place = document.getElementById("trouble");
    place.textContent = words;
    place.hidden = false;
    document.body.dataset.figures = "none";
  }

  // plotly.js travels gzipped; this is the only step that an old browser may lack
  async function unpack() {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser cannot unpack them; any Chrome or Edge since 80, Firefox since 113 or Safari since 16.4 can");
    }
    const packed = atob(document.getElementById("plotly").textContent.trim());
    const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.appendChild(script);
  }

  async function draw() {
    const figures = JSON.parse(document.getElementById("figures").textContent);
    if (figures.length) await unpack();
    for (let k = 0; k < figures.length; k++) {
      await Plotly.newPlot("figure-" + (k + 1), figures[k].data, figures[k].layout, options);
      await new Promise((next) => setTimeout(next)); // keeps the page alive while many figures are drawn
    }
    document.body.dataset.figures = "drawn";
  }

  function refit(width) {
    for (const plot of document.querySelectorAll(".plot")) {
      if (plot.layout) Plotly.relayout(plot, width ? { width: Math.min(width, plot.clientWidth || width), autosize: false } : { width: null, autosize: true });
    }
  }

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch (error) {
        getSelection().selectAllChildren(code); // no clipboard for pages from disk in some browsers
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => { // drawn while folded, so without a width
      for (const plot of fold.querySelectorAll(".plot")) if (plot.layout) Plotly.Plots.resize(plot);
    });
  }

  addEventListener("beforeprint", () => refit(680));
  addEventListener("afterprint", () => refit(0));
  draw().catch((error) => trouble("The figures could not be drawn: " + error.message + ". All tables are complete without them."));
})();
