"use strict";
// Shows what is under the pointer: the text of an element, or of the nearest point of a line.
(() => {
  const tip = document.getElementById("tip");
  const hide = () => {
    tip.style.opacity = 0;
    for (const cursor of document.querySelectorAll(".cursor")) cursor.style.opacity = 0;
  };
  const show = (text, event) => {
    tip.textContent = text;
    tip.style.opacity = 1;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const below = event.clientY + 18 + box.height < innerHeight;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (below ? event.clientY + 18 : event.clientY - box.height - 12) + "px";
  };
  const nearest = (svg, event) => {
    const matrix = svg.getScreenCTM();
    if (!matrix) return null;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    let best = null;
    for (const line of svg.querySelectorAll("[data-tips]")) {
      const tips = line.dataset.tips.split("\n");
      const points = line.getAttribute("points").split(" ");
      for (let i = 0; i < points.length; i++) {
        const [x, y] = points[i].split(",").map(Number);
        const far = Math.hypot(x - at.x, (y - at.y) / 2);
        if (!best || far < best.far) best = { far, x, y, text: tips[i] };
      }
    }
    return best && best.far < 40 ? best : null;
  };
  document.addEventListener("pointermove", event => {
    hide();
    const own = event.target.closest("[data-tip]");
    if (own) return show(own.dataset.tip, event);
    const svg = event.target.closest("svg");
    const point = svg && nearest(svg, event);
    if (!point) return;
    const cursor = svg.querySelector(".cursor");
    if (cursor) {
      cursor.setAttribute("cx", point.x);
      cursor.setAttribute("cy", point.y);
      cursor.style.opacity = 1;
    }
    show(point.text, event);
  });
  document.addEventListener("pointerleave", hide);
  addEventListener("scroll", hide, { passive: true });
})();
