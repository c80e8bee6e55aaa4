// How the output changes if a word is left out of the text.
{
  type: 'biome-occlusion',
  removal: 'delete',
  granularity: 'word',
}
