metadata name = 'Types and functions'
metadata description = 'What the templates and the parameter file share.'

// ============== //
// Types          //
// ============== //

@export()
@description('Tags of a resource: name and value.')
type tagsType = {
  @description('The value of a tag.')
  *: string
}

// ============== //
// Functions      //
// ============== //

@export()
@description('What a variable of the environment says, or the default where it is missing, empty or blank.')
func valueOr(text string, default string) string => empty(trim(text)) ? default : trim(text)

@export()
@description('The entries of a text, with commas or semicolons between them, without blanks and without empty ones.')
func entries(text string) string[] =>
  filter(map(split(text, [',', ';']), entry => trim(entry)), entry => !empty(entry))

@export()
@description('Public addresses and ranges as a firewall takes them: a single address stands without /32.')
func addressRanges(text string) string[] => map(entries(text), range => replace(range, '/32', ''))
