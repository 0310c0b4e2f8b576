// Runs before the first paint, so that a page in the other theme never flashes up. No module: those run later.
{
  const chosen = localStorage.getItem('sluice-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
