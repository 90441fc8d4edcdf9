"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const place = document.getElementById("curves");
if (place && data.panels.length) new Charts(place, data.runs, {log: data.log}).show(data.panels);
